"""What the runs of a sweep are doing."""
