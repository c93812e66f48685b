"""Second factors in PostgreSQL or SQLite."""
