"""The contract of OneTimeTokenStore, and of changes that spend a token."""
