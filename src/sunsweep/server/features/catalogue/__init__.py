"""What can be ordered: commands, their parameters, and the states that prove them."""
