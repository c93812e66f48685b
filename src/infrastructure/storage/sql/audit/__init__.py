"""The audit log in PostgreSQL or SQLite."""
