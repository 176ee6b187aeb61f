"""Curves, bars and pictures."""
