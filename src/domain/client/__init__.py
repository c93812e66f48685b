"""The client of a request, as far as it can be recognised."""
