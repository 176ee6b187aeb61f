"""What to search for."""
