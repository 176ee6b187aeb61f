"""What a model is trained to minimise."""
