"""What the pages for administrators need beside their controllers."""
