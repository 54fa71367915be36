"""What was ordered, of one machine and of many."""
