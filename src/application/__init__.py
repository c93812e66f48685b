"""What can be done: the use cases and the ports they need. Imports the domain and nothing else."""
