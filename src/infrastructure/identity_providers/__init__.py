"""Logins at other providers: Google, GitHub and any OpenID provider."""
