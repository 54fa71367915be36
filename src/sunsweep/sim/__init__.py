"""A solar field that is not there: its sun, its rows, and real machine programs on it."""
