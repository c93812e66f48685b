"""The contracts of identities and of the flows that lead to them."""
