"""The messages that were refused."""
