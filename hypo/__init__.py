"""Measure and trade off hypocritical risk: how many of a model's mistakes a false friend can hide.

Tao, Feng, Yi and Chen, "With False Friends Like These, Who Can Notice Mistakes?", AAAI 2022.
"""

__version__ = "0.1.0"
