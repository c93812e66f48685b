"""Second factors: enrol, use and reset them."""
