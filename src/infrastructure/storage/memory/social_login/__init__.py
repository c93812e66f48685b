"""Identities and flows in this process's memory."""
