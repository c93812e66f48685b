"""Log in with accounts of other providers, and link them."""
