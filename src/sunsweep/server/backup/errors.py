"""What goes wrong with backups, in an operator's words."""


class BackupError(Exception):
    """It was not done, and nothing half done is left; the message says why."""
