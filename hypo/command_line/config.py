"""From a composed config to a job, with every value checked on the way."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
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
from hypo.settings.errors import InputError
from hypo.settings.identity import GROUPS
from hypo.settings.made import Made

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
    return job_from_settings(settings_from_config(config, choices), choices, overrides, Made())


def settings_from_config(config: DictConfig, choices: Mapping[str, str]) -> dict[str, Any]:
    """A composed config as plain data; InputError for keys that should not be, or values that others refer to."""
    check_keys(config, choices)
    check_what_others_refer_to(lambda key, otherwise: _value(config, key, otherwise))
    return resolved(config)


def check_keys(config: DictConfig, choices: Mapping[str, str]) -> None:
    """Refuse, with InputError, a composed config with other keys than there are, whatever their values."""
    for group in (*GROUPS, "crafter", "tracking"):
        if group not in choices:
            raise InputError(f"{group}: must be given; takes the name of one option")
    if unknown := sorted(map(str, set(config) - TOP_LEVEL)):
        raise InputError(f"{unknown[0]}: no such setting; python -m hypo.run --cfg job lists them")
    if missing := [key for key in (*KEYS, "training_attack") if key not in config]:
        raise InputError(f"{missing[0]}: must be given")


def check_what_others_refer_to(value: Callable[[str, Any], Any]) -> None:
    """InputError for what would break a reference to it; `value` takes a key, and what to say without it."""
    checks.choice("authors_code", value("authors_code", False), (True, False))
    for key in ("published_learning_rate", "authors_learning_rate", "published_input_std"):
        checks.number(key, value(key, 1), above=0)
    radii = value("default_epsilon", {})
    if not isinstance(radii, Mapping):
        raise InputError(f"default_epsilon: takes a radius for each norm, got {checks.shown(radii)}")
    for norm, radius in radii.items():
        checks.number(f"default_epsilon.{norm}", radius, above=0)


def job_from_settings(
    plain: Mapping[str, Any], choices: Mapping[str, str], overrides: Sequence[str], made: Made
) -> Job:
    """The job that the plain data of a composed config describe.

    Args:
        made: the components of other jobs, which are shared where their settings are the same.

    Raises:
        InputError: as of `job_from_config`.
    """
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
        made.component(plain[key], key, ProjectedGradient if key == "training_attack" else None)
    typed = {group: made.component(plain[group], group) for group in GROUPS}
    # Whatever defense was typed, or is the default, may have nothing to do.
    components = settled(typed)
    names = {
        group: choices[group] if component is typed[group] else option_of(component)
        for group, component in components.items()
    }
    measured = measurements(plain["measurement"], made.component)
    experiment = Experiment(**components, measurements=measured, seed=seed, device=plain["device"])
    takes_lambda = hasattr(experiment.defense, "lambda_")
    labels = {
        "lambda": plain["lambda"] if takes_lambda else None,
        "epsilon": plain["epsilon"],
        "seed": seed,
    }
    tracking = made.component(plain["tracking"], "tracking")
    groups = {group: made.described(getattr(experiment, group), name=names[group]) for group in GROUPS}
    return Job(
        experiment=experiment,
        config={
            **groups,
            "measurement": {name: made.described(each) for name, each in measured.items()},
            **labels,
            "device": experiment.device,
            "tracking": made.described(tracking),
            "keep_checkpoint": keep,
        },
        command=shlex.join(["python", "-m", "hypo.run", *overrides]),
        runs=Path(str(output_dir)) / "runs",
        tracking=tracking,
        keep_checkpoint=keep,
    )


def _value(config: DictConfig, key: str, otherwise: Any) -> Any:
    """What `key` is set to; `otherwise` where that is nothing, or a broken reference, as `resolved` tells."""
    try:
        value = OmegaConf.select(config, key, default=otherwise)
        return OmegaConf.to_container(value, resolve=True) if OmegaConf.is_config(value) else value
    except InterpolationResolutionError:
        return otherwise
