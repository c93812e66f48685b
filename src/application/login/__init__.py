"""Log in: the ways, and the one use case in which all of them end."""
