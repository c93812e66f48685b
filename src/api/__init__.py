"""The driving side: HTTP."""
