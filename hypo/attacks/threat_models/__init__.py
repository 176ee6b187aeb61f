"""How far an input may be moved."""
