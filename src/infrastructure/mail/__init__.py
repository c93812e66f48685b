"""Mail: letters from templates, and how they leave the service."""
