"""What is learnt and tested."""
