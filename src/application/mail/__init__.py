"""Mail: messages, their delivery, and the one-time tokens in them."""
