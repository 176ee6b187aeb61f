"""Options of the config groups for whoever composes no config: by name, at the settings of their files."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from omegaconf import OmegaConf

from hypo.attacks.threat_models.l2 import L2
from hypo.attacks.threat_models.linf import Linf
from hypo.auditing.defaults import batch
from hypo.auditing.sizes import size
from hypo.command_line import resolvers
from hypo.command_line.config_folder import FOLDER
from hypo.command_line.references import resolved
from hypo.measurements.evaluation import Evaluation
from hypo.settings import checks
from hypo.settings.components import build


def evaluation(name: str, shape: tuple[int, ...]) -> Evaluation:
    """The option of `evaluation=` of that name, for images of `shape`: of large ones few are attacked at once.

    Raises:
        InputError: when there is none.
    """
    there = sorted(file.stem for file in (FOLDER / "evaluation").glob("*.yaml"))
    found: Evaluation = build(_settings("evaluation", checks.choice("evaluation", name, there)), "evaluation")
    return replace(found, batch=batch(shape, found.batch))


def measurement(name: str) -> Any:
    """The option of `measurement=` of that name, which measures on the model alone."""
    settings = _settings("measurement", name)
    if settings.get("source"):
        settings["source"] = None  # another run, which there is none of
    return build(settings, f"measurement.{name}")


def threat_model(norm: str, epsilon: Any) -> Linf | L2:
    """What a perturbation may be.

    Raises:
        InputError: when it is none.
    """
    is_linf = checks.choice("norm", norm, ("linf", "l2")) == "linf"
    radius = size("epsilon", epsilon, is_linf)
    return Linf(radius) if is_linf else L2(radius)


def _settings(group: str, option: str) -> dict[str, Any]:
    """What the file of an option says, where nothing is set beside it."""
    resolvers.register()
    config = {"authors_code": False, "chosen": OmegaConf.load(FOLDER / group / f"{option}.yaml")}
    settings: dict[str, Any] = resolved(OmegaConf.create(config))["chosen"]
    return settings
