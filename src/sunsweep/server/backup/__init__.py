"""Backups of an SQLite database, and what any database has to unlearn after it was put back to an earlier moment."""
