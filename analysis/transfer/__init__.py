"""Examples crafted on each of several models, shown to all the others."""
