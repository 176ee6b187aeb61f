"""From a composed config to a job, with every value checked on the way."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from hypo import checks
from hypo.attacks.projected_gradient import ProjectedGradient
from hypo.defenses.none import NoDefense
from hypo.errors import InputError
from hypo.experiment import Experiment
from hypo.explain import KEYS
from hypo.identity import GROUPS
from hypo.job import Job
from hypo.settings import build, describe

TOP_LEVEL = {
    *KEYS,
    "default_epsilon",
    "published_learning_rate",
    "authors_learning_rate",
    "published_input_std",
    "training_attack",
    "hydra",
}
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
            raise InputError(f"{group}: takes the name of one option, not a list; use -m and {group}=a,b")
    checks.choice("authors_code", _scalar(config, "authors_code"), (True, False))
    lambda_ = checks.number("lambda", _scalar(config, "lambda"), at_least=0)
    epsilon = checks.number("epsilon", _scalar(config, "epsilon"), above=0)
    seed = checks.integer("seed", _scalar(config, "seed"), at_least=0)
    if not isinstance(config["device"], str):
        raise InputError(f"device: takes text, got {config['device']}")
    if not isinstance(config["output_dir"], (str, int)) or config["output_dir"] == "":
        raise InputError(f"output_dir: takes the name of a folder, got {config['output_dir']!r}")
    if unknown := sorted(map(str, set(config) - TOP_LEVEL)):
        raise InputError(f"{unknown[0]}: no such setting; python -m hypo.run --cfg job lists them")
    plain: dict[str, Any] = OmegaConf.to_container(config, resolve=True)  # type: ignore[assignment]
    build(plain["training_attack"], "training_attack", ProjectedGradient)  # here it has the name it is set by
    components = {group: build(plain[group], group) for group in GROUPS}
    names = {group: choices[group] for group in GROUPS}
    if not getattr(components["training_data"], "trains", True):
        # Whatever defense was typed, or is the default, has nothing to do.
        components["defense"], names["defense"] = NoDefense(), "none"
    experiment = Experiment(**components, seed=seed, device=plain["device"])
    takes_lambda = hasattr(experiment.defense, "lambda_")
    if takes_lambda and getattr(experiment.defense, "lambda_") != lambda_:  # noqa: B009
        raise InputError("defense.lambda_: is set through lambda; set lambda=... instead")
    if experiment.threat_model.epsilon != epsilon:
        raise InputError("threat_model.epsilon: is set through epsilon; set epsilon=... instead")
    labels = {
        "lambda": plain["lambda"] if takes_lambda else None,
        "epsilon": plain["epsilon"],
        "seed": seed,
    }
    tracking = build(plain["tracking"], "tracking")
    groups = {group: {"name": names[group], **describe(components[group])} for group in GROUPS}
    return Job(
        experiment=experiment,
        config={**groups, **labels, "device": experiment.device, "tracking": describe(tracking)},
        command=shlex.join(["python", "-m", "hypo.run", *overrides]),
        runs=Path(str(plain["output_dir"])) / "runs",
        tracking=tracking,
    )


def _scalar(config: DictConfig, key: str) -> Any:
    value = config[key]
    return OmegaConf.to_container(value) if OmegaConf.is_config(value) else value
