"""What a network's logits cannot do within a ball, whatever the attack."""
