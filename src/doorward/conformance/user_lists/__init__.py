"""The contract of UserRepository: lists, counts and additions of many users."""
