"""The contract of SessionStore."""
