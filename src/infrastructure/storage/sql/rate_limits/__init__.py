"""Counters of attempts in PostgreSQL or SQLite."""
