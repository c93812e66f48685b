"""The error of a dependency that is not usable."""


class NotReady(Exception):
    """A dependency of the service is not in the state that it needs; one line says which."""
