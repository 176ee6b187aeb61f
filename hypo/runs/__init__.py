"""What lies on disk, and who may write it; and W&B as its mirror."""
