"""The people of a company and its API keys."""
