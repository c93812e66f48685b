"""The keys that sign tokens, and what signs with them."""
