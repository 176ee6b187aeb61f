"""A run is its settings: the run id is a hash of all that can change the result."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from hypo.settings import describe

GROUPS = ("dataset", "training_data", "arch", "defense", "threat_model", "recipe", "evaluation")
"""The groups of settings that an experiment is made of, and with its seed all that decides its result."""

SCHEMA = 1
"""Version of what a run directory holds; part of every run id, so that other versions are other runs."""


def run_id(experiment: Any) -> str:
    """Twelve hexadecimal digits that name the experiment's settings.

    The full resolved settings are hashed, never the difference from the defaults: editing a default makes new
    runs and leaves the old ones what they are. 6 and 6.0 are the same number.
    """
    return short_hash({"schema": SCHEMA, "experiment": describe(experiment, identity=True)})


def short_hash(value: Any) -> str:
    """Twelve hexadecimal digits of the SHA-256 of plain data."""
    text = json.dumps(_canonical(value), sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _canonical(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _canonical(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_canonical(item) for item in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value
