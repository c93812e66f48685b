"""The outbox and the tokens of its links in PostgreSQL or SQLite."""
