"""Passwords, and the rule for new ones."""
