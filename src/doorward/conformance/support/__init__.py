"""Examples, and ways to open the stores of a backend, that the tests share."""
