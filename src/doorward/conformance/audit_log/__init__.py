"""The contract of AuditLog."""
