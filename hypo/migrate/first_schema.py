"""The ids of schema 1: hashes of settings in which a class was called by its path.

They are worked out again from what was recorded: an id that does not come out tells that the settings were changed
afterwards, and then nobody knows what the run is of.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from hypo.settings.components import enters_identity
from hypo.settings.identity import short_hash, training_groups

SCHEMA = 1


def run_id(config: Mapping[str, Any], experiment: Any) -> str:
    """What the run of a config.yaml was called; `experiment` is what the config describes."""
    measured = _described(config, experiment, ("threat_model", "evaluation"))
    return short_hash({"schema": SCHEMA, "training": _training(config, experiment), "measured": measured})


def training_id(config: Mapping[str, Any], experiment: Any) -> str:
    """What the training of a config.yaml was called."""
    return short_hash({"schema": SCHEMA, "training": _training(config, experiment)})


def _training(config: Mapping[str, Any], experiment: Any) -> dict[str, Any]:
    return {**_described(config, experiment, training_groups(experiment)), "seed": config["seed"]}


def _described(config: Mapping[str, Any], experiment: Any, groups: Sequence[str]) -> dict[str, Any]:
    return {group: _identity(config[group], getattr(experiment, group)) for group in groups}


def _identity(settings: Any, component: Any) -> Any:
    """What of recorded `settings` entered an id, as it was recorded; `component` has the same values."""
    if isinstance(settings, list):
        return [_identity(*pair) for pair in zip(settings, component, strict=True)]
    if not isinstance(settings, Mapping):
        return settings
    known = {field.name: field for field in fields(component)}
    found = {}
    for name, value in settings.items():
        # What is no field is the path, a fingerprint, or a setting that there is no more.
        mine = getattr(component, name) if name in known else value
        if name != "name" and (name not in known or enters_identity(known[name], mine)):
            found[name] = _identity(value, mine)
    return found
