"""From a grid to the jobs that are to be run."""
