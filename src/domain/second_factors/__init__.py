"""The second factors of users: authenticator apps and recovery codes, and pending logins."""
