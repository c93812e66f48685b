"""Migrations of the schema: how they run, beside a service that serves."""
