"""What a config sets, as the columns of one row."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from analysis.escaping import one_line
from hypo.settings import checks
from hypo.settings.components import name_at
from hypo.settings.errors import InputError
from hypo.settings.identity import short_hash

# Where a run lies, what it is called and how it is computed does not change its result.
_NO_SETTING = {
    "root",
    "class_map",
    "cache",
    "download",
    "name",
    "device",
    "cuda_graph",
    "output_dir",
    "tracking",
    "run_id",
    "command",
    "run",
}
# What is measured on a model leaves the model as it is, and all that else is measured on it.
_NO_GROUP = {"defense", "measurement"}
_NO_SINGLE_SETTING = {"evaluation.batch", "defense.lambda_", "threat_model.epsilon"}  # λ, ε: own columns

# Groups of components by name, which are a setting too: which there are, in order.
_IN_TURN = {"evaluation.then", "defense.held"}

_IMPLIED: Mapping[str, Mapping[str, Any]] = {
    "Recipe": {"last_batch": "drop", "hold_out": 0, "keep": "last"},
    "Evaluation": {"surrogate": True, "gradients": "float32", "then": {}},
    "Lenet": {"width": 16},
    "ImageFolder": {"fit": "squash"},
    "Parquet": {"fit": "squash"},
    "Pictures": {"point": "largest_margin"},
    "OtherRun": dict.fromkeys(("arch", "training_data", "defense", "threat_model", "recipe", "seed")),
    "Resnet18": {"initialisation": "torchvision"},
    "Vgg16": {"initialisation": "torchvision"},
    "WideResnet": {"initialisation": "torchvision"},
}
"""What runs from before there was a setting had, by the class that has it now."""


def setting_columns(config: Mapping[str, Any]) -> dict[str, Any]:
    """What a config sets, as the columns of `collect` from `dataset` to the single settings."""
    # A config of another schema is read as far as it goes: the run is a hole, and this is where it belongs.
    groups = {key: _complete(value) for key, value in config.items() if isinstance(value, dict)}
    chosen = {key: one_line(groups.get(key, {}).get("name")) for key in ("dataset", "training_data", "arch")}
    defense = dict(_leaves("defense", groups.get("defense", {})))
    others = dict(
        leaf
        for group, values in groups.items()
        if group not in _NO_GROUP and group not in _NO_SETTING
        for leaf in _leaves(group, values)
    )
    threat_model = groups.get("threat_model", {})
    epsilon = config.get("epsilon")
    typed = {"lambda": one_line(config.get("lambda"))}
    typed["epsilon"] = one_line(threat_model.get("epsilon") if epsilon is None else epsilon)
    seed = config.get("seed")
    return {
        **chosen,
        "defense": one_line(groups.get("defense", {}).get("name")),
        **typed,
        **{f"{key}_value": _number(text) for key, text in typed.items()},
        "norm": one_line(threat_model.get("name")),
        "recipe": one_line(groups.get("recipe", {}).get("name")),
        "evaluation": one_line(groups.get("evaluation", {}).get("name")),
        "seed": seed if isinstance(seed, int) else None,
        "measurement": ",".join(map(one_line, groups.get("measurement", {}))),
        "settings": short_hash(others) if groups else "",
        "defense_settings": short_hash(defense) if groups else "",
        **others,
        **defense,
    }


def _complete(group: dict[str, Any]) -> dict[str, Any]:
    """A group of settings with those that it lacks because it is older than they are."""
    return {**_IMPLIED.get(name_at(str(group.get("_target_"))), {}), **group}


def _leaves(prefix: str, value: object) -> Iterator[tuple[str, object]]:
    """Every single setting under `value`, by its dotted path; a list is one setting, as JSON text."""
    if isinstance(value, dict):
        if prefix in _IN_TURN:
            yield prefix, one_line(json.dumps(list(value)))
        for key, inner in value.items():
            if key not in _NO_SETTING:
                yield from _leaves(f"{prefix}.{one_line(key)}", inner)
    elif prefix not in _NO_SINGLE_SETTING:
        text = json.dumps(value) if isinstance(value, list) else value
        if prefix.endswith("._target_"):
            text = name_at(str(value))  # runs from before a class moved are no other runs
        yield prefix, one_line(text) if isinstance(text, str) else text


def _number(text: str) -> float:
    """The value of a number or fraction as typed, NaN if it is neither."""
    try:
        return checks.number("", text)
    except InputError:
        return float("nan")
