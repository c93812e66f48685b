"""What is true of people, passwords, sessions and tokens: without I/O or a clock."""
