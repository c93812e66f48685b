"""Passkeys by the library ``fido2`` (docs/adr/0052)."""
