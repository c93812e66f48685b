"""The contracts of second factors and of challenges."""
