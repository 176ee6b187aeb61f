"""From a composed config to a job, with every value checked on the way."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import InterpolationResolutionError

from hypo.attacks.searches.projected_gradient import ProjectedGradient
from hypo.command_line.explain import KEYS
from hypo.command_line.references import resolved
from hypo.jobs.experiment import Experiment
from hypo.jobs.job import Job, measurements, option_of
from hypo.jobs.settled import settled
from hypo.settings import checks
from hypo.settings.components import build, describe
from hypo.settings.errors import InputError
from hypo.settings.identity import GROUPS

REFERRED_TO = ("authors_code", "default_epsilon", "published_learning_rate", "authors_learning_rate")
"""What other settings refer to: looked at first, so that a wrong value is refused under its own name."""

TOP_LEVEL = {*KEYS, *REFERRED_TO, "published_input_std", "training_attack", "hydra"}
"""The keys of a composed config; a typed `+key` would add others, which nothing reads."""


def job_from_config(config: DictConfig, choices: Mapping[str, str], overrides: Sequence[str]) -> Job:
    """The job that a composed config describes.

    Args:
        choices: the option chosen in each group.
        overrides: what was typed to compose this config, for the command that repeats it.

    Raises:
        InputError: naming the key, what it takes and what it got.
    """
    for group in (*GROUPS, "crafter", "tracking"):
        if group not in choices:
            raise InputError(f"{group}: must be given; takes the name of one option")
    if unknown := sorted(map(str, set(config) - TOP_LEVEL)):
        raise InputError(f"{unknown[0]}: no such setting; python -m hypo.run --cfg job lists them")
    if missing := [key for key in (*KEYS, "training_attack") if key not in config]:
        raise InputError(f"{missing[0]}: must be given")
    _check_what_others_refer_to(config)
    plain = resolved(config)
    checks.number("lambda", plain["lambda"], at_least=0)
    checks.number("epsilon", plain["epsilon"], above=0)
    keep = bool(checks.choice("keep_checkpoint", plain["keep_checkpoint"], (True, False)))
    seed = checks.integer("seed", plain["seed"], at_least=0)
    if not isinstance(plain["device"], str):
        raise InputError(f"device: takes text, got {checks.shown(plain['device'])}")
    output_dir = plain["output_dir"]
    if not isinstance(output_dir, (str, int)) or output_dir == "" or isinstance(output_dir, bool):
        raise InputError(f"output_dir: takes the name of a folder, got {checks.shown(output_dir)}")
    for key, setting in (("lambda", "defense.lambda_"), ("epsilon", "threat_model.epsilon")):
        group, name = setting.split(".")
        if plain[group].get(name, plain[key]) != plain[key]:
            raise InputError(f"{setting}: is set through {key}; set {key}=... instead")
    # In this order, so that a wrong value is refused under the name that it is set by.
    for key in ("arch", "recipe", "training_attack", "crafter"):
        build(plain[key], key, ProjectedGradient if key == "training_attack" else None)
    typed = {group: build(plain[group], group) for group in GROUPS}
    # Whatever defense was typed, or is the default, may have nothing to do.
    components = settled(typed)
    names = {
        group: choices[group] if component is typed[group] else option_of(component)
        for group, component in components.items()
    }
    measured = measurements(plain["measurement"])
    experiment = Experiment(**components, measurements=measured, seed=seed, device=plain["device"])
    takes_lambda = hasattr(experiment.defense, "lambda_")
    labels = {
        "lambda": plain["lambda"] if takes_lambda else None,
        "epsilon": plain["epsilon"],
        "seed": seed,
    }
    tracking = build(plain["tracking"], "tracking")
    groups = {group: {"name": names[group], **describe(getattr(experiment, group))} for group in GROUPS}
    return Job(
        experiment=experiment,
        config={
            **groups,
            "measurement": {name: describe(each) for name, each in measured.items()},
            **labels,
            "device": experiment.device,
            "tracking": describe(tracking),
            "keep_checkpoint": keep,
        },
        command=shlex.join(["python", "-m", "hypo.run", *overrides]),
        runs=Path(str(output_dir)) / "runs",
        tracking=tracking,
        keep_checkpoint=keep,
    )


def _check_what_others_refer_to(config: DictConfig) -> None:
    checks.choice("authors_code", _value(config, "authors_code", False), (True, False))
    for key in ("published_learning_rate", "authors_learning_rate", "published_input_std"):
        checks.number(key, _value(config, key, 1), above=0)
    radii = _value(config, "default_epsilon", {})
    if not isinstance(radii, Mapping):
        raise InputError(f"default_epsilon: takes a radius for each norm, got {checks.shown(radii)}")
    for norm, radius in radii.items():
        checks.number(f"default_epsilon.{norm}", radius, above=0)


def _value(config: DictConfig, key: str, otherwise: Any) -> Any:
    """What `key` is set to; `otherwise` where that is nothing, or a broken reference, as `resolved` tells."""
    try:
        value = OmegaConf.select(config, key, default=otherwise)
        return OmegaConf.to_container(value, resolve=True) if OmegaConf.is_config(value) else value
    except InterpolationResolutionError:
        return otherwise
