"""The conformance suite of storage backends; README.md says how to run it."""
