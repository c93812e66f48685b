"""Users add and remove second factors. See docs/second-factors.md."""
