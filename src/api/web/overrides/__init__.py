"""What an operator puts in place of templates and texts of pages."""
