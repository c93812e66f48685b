"""Mail: what is sent to whom, and the one-time tokens in it."""
