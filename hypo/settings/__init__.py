"""What a setting takes, the components made of settings, and what seed, device and precision stand for."""
