"""The ports of second factors."""
