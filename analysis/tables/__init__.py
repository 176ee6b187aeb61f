"""Tables of runs and cells."""
