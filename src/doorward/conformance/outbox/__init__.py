"""The contract of Outbox."""
