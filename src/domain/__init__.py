"""The rules: users, passwords, sessions, tokens and keys. No I/O, no clock, no third party."""
