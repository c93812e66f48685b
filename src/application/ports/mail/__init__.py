"""The ports of mail."""
