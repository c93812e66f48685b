"""Logins at other providers of identities: what they say, and what follows from it."""
