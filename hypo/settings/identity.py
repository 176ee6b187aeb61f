"""A run is its settings: the run id is a hash of all that can change the result."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from hypo.settings.components import describe

GROUPS = ("dataset", "training_data", "arch", "defense", "threat_model", "recipe", "evaluation")
"""The groups of settings that an experiment is made of, and with its seed all that decides its result."""

SCHEMA = 2
"""Version of what a run directory holds; part of every run id, so that other versions are other runs."""


def run_id(experiment: Any) -> str:
    """Twelve hexadecimal digits that name the experiment's settings.

    The full resolved settings are hashed, never the difference from the defaults: editing a default makes new
    runs and leaves the old ones what they are. 6 and 6.0 are the same number.
    """
    measured = _described(experiment, ("threat_model", "evaluation"))
    return short_hash({"schema": SCHEMA, "training": _training(experiment), "measured": measured})


def training_id(experiment: Any) -> str:
    """Twelve hexadecimal digits that name all that decides the trained model: runs that share it, share that."""
    return short_hash({"schema": SCHEMA, "training": _training(experiment)})


def trains(experiment: Any) -> bool:
    """Whether there is any training, or the model is measured as it is initialised."""
    return getattr(experiment.training_data, "trains", True)


def short_hash(value: Any) -> str:
    """Twelve hexadecimal digits of the SHA-256 of plain data."""
    text = json.dumps(_canonical(value), sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _training(experiment: Any) -> dict[str, Any]:
    """What training looks at: no defense and recipe where there is none, no threat model where none is used."""
    groups = ["dataset", "training_data", "arch"]
    if trains(experiment):
        groups += ["defense", "recipe"]
        parts = (experiment.training_data, experiment.defense)
        if any(getattr(part, "uses_threat_model", True) for part in parts):
            groups.append("threat_model")
    return {**_described(experiment, groups), "seed": experiment.seed}


def _described(experiment: Any, groups: Sequence[str]) -> dict[str, Any]:
    return {group: describe(getattr(experiment, group), identity=True) for group in groups}


def _canonical(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _canonical(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_canonical(item) for item in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value
