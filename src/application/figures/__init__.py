"""The figures of the service: how they are counted, measured and shown."""
