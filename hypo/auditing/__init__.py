"""An audit of any model: the command, and three functions for whoever has a model and a loader."""
