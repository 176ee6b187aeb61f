"""How to search for perturbed inputs, and what to search for."""
