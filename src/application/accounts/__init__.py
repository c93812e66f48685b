"""Accounts: registering, changing, moving and deleting users."""
