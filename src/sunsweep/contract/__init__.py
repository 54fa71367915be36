"""What crosses the wire: the only topic strings and payload shapes anywhere."""
