"""Job arrays on a Slurm cluster."""
