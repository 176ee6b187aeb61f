"""What the training split is made into."""
