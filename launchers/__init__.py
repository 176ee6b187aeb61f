"""How a grid of jobs is planned, run and watched."""
