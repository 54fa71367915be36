"""The logins at the broker: from the database's views to the local broker's files."""
