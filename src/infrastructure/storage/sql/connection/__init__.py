"""How connections to a SQL database are made: its URL, TLS, driver and pooler."""
