"""How it is done: one file per technology, each an adapter of a port."""
