"""What administrators and the operator do with the service itself."""
