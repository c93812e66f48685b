"""The settings of the pages for people."""
