"""A run is its settings: the run id is a hash of all that can change the result."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from hypo.settings.components import describe
from hypo.settings.made import Remembered

GROUPS = ("dataset", "training_data", "arch", "defense", "threat_model", "recipe", "evaluation")
"""The groups of settings that an experiment is made of, and with its seed all that decides its result."""

SCHEMA = 2
"""Version of what a run directory holds; part of every run id, so that other versions are other runs."""

Fingerprints = Mapping[str, str]
"""By group, the fingerprint of its files as config.yaml has it: for these the files are not asked."""


def run_id(experiment: Any, recorded: Fingerprints | None = None) -> str:
    """Twelve hexadecimal digits that name the experiment's settings.

    The full resolved settings are hashed, never the difference from the defaults: editing a default makes new
    runs and leaves the old ones what they are. 6 and 6.0 are the same number.
    """
    measured = _described(experiment, ("threat_model", "evaluation"), recorded)
    return _hashed({"schema": SCHEMA, "training": _training(experiment, recorded), "measured": measured})


def training_id(experiment: Any, recorded: Fingerprints | None = None) -> str:
    """Twelve hexadecimal digits that name all that decides the trained model: runs that share it, share that."""
    return _hashed({"schema": SCHEMA, "training": _training(experiment, recorded)})


def trains(experiment: Any) -> bool:
    """Whether there is any training, or the model is measured as it is initialised."""
    return getattr(experiment.training_data, "trains", True)


def short_hash(value: Any) -> str:
    """Twelve hexadecimal digits of the SHA-256 of plain data."""
    return _hashed(_canonical(value))


def training_groups(experiment: Any) -> list[str]:
    """What training looks at: no defense and recipe where there is none, no threat model where none is used."""
    groups = ["dataset", "training_data", "arch"]
    if trains(experiment):
        groups += ["defense", "recipe"]
        parts = (experiment.training_data, experiment.defense)
        if any(getattr(part, "uses_threat_model", True) for part in parts):
            groups.append("threat_model")
    return groups


def how_to_update(schema: Any) -> str:
    """What to add to a line about a file of another version: the command, where that is an earlier one."""
    return "; python -m hypo.migrate OUTPUTS brings it up to date" if schema in range(1, SCHEMA) else ""


def _training(experiment: Any, recorded: Fingerprints | None) -> dict[str, Any]:
    described = _described(experiment, training_groups(experiment), recorded)
    return {**described, "seed": _canonical(experiment.seed)}


def _described(experiment: Any, groups: Sequence[str], recorded: Fingerprints | None) -> dict[str, Any]:
    known = recorded or {}
    return {group: _of_component(getattr(experiment, group), known.get(group)) for group in groups}


def _identity(component: Any, fingerprint: str | None) -> Any:
    return _canonical(describe(component, identity=True, fingerprint=fingerprint))


_of_component = Remembered(_identity)
"""What of a component enters the hash."""


def _hashed(canonical: Any) -> str:
    text = json.dumps(canonical, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _canonical(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _canonical(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_canonical(item) for item in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value
