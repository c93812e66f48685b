"""Identities and flows in PostgreSQL or SQLite."""
