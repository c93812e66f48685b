"""Numbers of things, in words."""


def counted(number: int, noun: str) -> str:
    """Return such as ``1 passkey`` or ``2 passkeys``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
