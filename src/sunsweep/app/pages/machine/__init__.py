"""A machine's own page: what it does now, what it did, what it was told, and how it is set up."""
