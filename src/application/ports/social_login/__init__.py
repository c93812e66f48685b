"""What logins with other providers need: the providers, and stores of flows and identities."""
