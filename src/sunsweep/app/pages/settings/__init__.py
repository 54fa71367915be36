"""What one sets for oneself, and an admin for the company."""
