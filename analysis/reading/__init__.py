"""Runs, wherever they lie, to one frame."""
