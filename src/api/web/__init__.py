"""Pages for people: a second way to the same use cases, beside the HTTP API."""
