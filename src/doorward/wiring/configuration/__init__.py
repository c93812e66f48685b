"""The settings, and what administrators see of them."""
