"""What components need beside Flet's own hooks, with types."""
