"""How hypo composes and launches sweeps under Hydra."""
