"""Weights & Biases: dashboards, uploads, runs read back."""
