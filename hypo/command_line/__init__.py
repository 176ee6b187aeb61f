"""The command line: a config composed, checked, explained, and what a run shows."""
