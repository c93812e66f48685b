"""Events of the audit log, and what each says."""
