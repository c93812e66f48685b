"""The sessions of users: starting, finding, revoking and purging them."""
