"""How many runs share a GPU."""
