"""What config.yaml said in schema 1, as it is said now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hypo.jobs.experiment import Experiment
from hypo.measurements.certificate import Certificate
from hypo.measurements.pictures import Pictures
from hypo.measurements.targeted import TargetedRates
from hypo.migrate import first_schema
from hypo.settings.components import build, describe
from hypo.settings.errors import InputError
from hypo.settings.identity import GROUPS, SCHEMA, run_id, training_id

MEASURED = {"certificate": Certificate(), "pictures": Pictures()}
"""What every run of schema 1 measured."""


@dataclass(frozen=True)
class Renewed:
    """The settings of a run of schema 1.

    Attributes:
        config: of schema 2.
        earlier_run_id, earlier_training_id: what it was called in schema 1.
        run_id, training_id: what it is called now.
    """

    config: Mapping[str, Any]
    earlier_run_id: str
    earlier_training_id: str
    run_id: str
    training_id: str

    @property
    def measured(self) -> dict[str, Any]:
        """By name the settings of the measurements that were made, or asked for, as findings have them."""
        built = {name: build(each, f"measurement.{name}") for name, each in self.config["measurement"].items()}
        return {name: describe(each, identity=True) for name, each in built.items()}

    def directory_name(self, earlier: str) -> str:
        """What the run directory `earlier` is called now; one that was not called by its run id keeps its name."""
        readable, _, ends_with = earlier.rpartition("-")
        return f"{readable}-{self.run_id}" if ends_with == self.earlier_run_id else earlier


def renewed(config: Mapping[str, Any]) -> Renewed:
    """The settings of a config.yaml, or of a planned run's config, of schema 1.

    Every class is found by its name, what joined it later is filled in, and the fingerprint of a data set is the
    one that was recorded: its files need not be there any more.

    Raises:
        InputError: when they cannot be read, or do not give the run id that they stand beside.
    """
    try:
        groups = {group: dict(config[group]) for group in GROUPS}
        targeted = groups["evaluation"].pop("targeted", False)
        if groups["evaluation"]["name"] == "targeted":  # which was this one, and the targets
            groups["evaluation"]["name"] = "pgd20"
        experiment, recorded = _experiment({**config, **groups})
        earlier = first_schema.run_id(config, experiment), first_schema.training_id(config, experiment)
        if earlier[0] != config["run_id"]:
            raise InputError(f"they give the run id {earlier[0]}, not {config['run_id']}: they were changed since")
        ids = run_id(experiment, recorded), training_id(experiment, recorded)
        described = {
            group: {
                "name": groups[group]["name"],
                **describe(getattr(experiment, group), fingerprint=recorded.get(group)),
            }
            for group in GROUPS
        }
        measured = {**({"targeted": TargetedRates()} if targeted else {}), **MEASURED}
        leading = {
            "schema": SCHEMA,
            "run_id": ids[0],
            "name": config["name"],
            **described,
            "measurement": {name: describe(each) for name, each in measured.items()},
        }
        later = {
            "tracking": describe(build(config["tracking"], "tracking")),
            "keep_checkpoint": config.get("keep_checkpoint", False),
        }
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"the settings cannot be taken over: {said(error)}") from None
    unchanged = {key: value for key, value in config.items() if key not in leading}
    return Renewed({**leading, **unchanged, **later}, *earlier, *ids)


def training_of(config: Mapping[str, Any]) -> str:
    """The training id of a config.yaml of this schema; InputError when it cannot be read."""
    try:
        return training_id(*_experiment(config))
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"the settings cannot be read: {said(error)}") from None


def said(error: Exception) -> str:
    """What an error says, in one line."""
    if isinstance(error, KeyError) and error.args and isinstance(error.args[0], str):
        return f"it has no {error}"
    return " ".join(str(error).split()) or type(error).__name__


def _experiment(config: Mapping[str, Any]) -> tuple[Experiment, dict[str, str]]:
    """What a config describes, and the fingerprints that it has recorded."""
    components = {group: build(config[group], group) for group in GROUPS}
    recorded = {group: config[group]["fingerprint"] for group in GROUPS if "fingerprint" in config[group]}
    return Experiment(**components, seed=config["seed"], device=config["device"]), recorded
