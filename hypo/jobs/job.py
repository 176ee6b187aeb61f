"""An experiment with its place on disk: one cell of a sweep, or the only one."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from hypo.jobs.experiment import Experiment
from hypo.runs.directory import RunDirectory
from hypo.runs.tracking import Tracking
from hypo.settings import checks
from hypo.settings.components import build, describe
from hypo.settings.errors import InputError
from hypo.settings.identity import GROUPS, SCHEMA, run_id


@dataclass(frozen=True)
class Job:
    """One cell of a sweep, or the only one.

    Attributes:
        config: what config.yaml will hold, without schema, run id and name.
        command: what a user types to run just this.
        runs: the folder that holds the run directories.
        keep_checkpoint: whether the last checkpoint stays when the run is done.
    """

    experiment: Experiment
    config: Mapping[str, Any]
    command: str
    runs: Path
    tracking: Tracking
    keep_checkpoint: bool = False

    @cached_property
    def run_id(self) -> str:
        """The hash of the settings."""
        return run_id(self.experiment)

    @property
    def name(self) -> str:
        """Readable, made of the settings that matter most; the run id beside it is what tells runs apart."""
        quality = self.config["training_data"]["name"]
        data = [self.config["dataset"]["name"], *([] if quality == "quality" else [quality])]
        return _file_name([*data, self.config["arch"]["name"], self.label])

    @property
    def label(self) -> str:
        """The name from the defense on, for a place that shows data set and arch anyway."""
        return label(self.config)

    @property
    def tags(self) -> list[str]:
        """By what a place that shows many runs tells them apart."""
        return tags(self.config)

    @property
    def directory_name(self) -> str:
        """What a new run directory is called."""
        return f"{self.name}-{self.run_id}"

    @property
    def directory(self) -> RunDirectory:
        """Where the run lies, or will; the run id alone decides, so that another name finds it too."""
        new = self.runs / self.directory_name
        if new.is_dir() or not self.runs.is_dir():
            return RunDirectory(new)
        others = _by_run_id(self.runs, self.runs.stat().st_mtime_ns)
        return RunDirectory(others.get(self.run_id, new))

    @property
    def record(self) -> dict[str, Any]:
        """All that another process needs to run this, as plain data; `from_record` is the way back."""
        return {
            "directory": self.directory.path.name,
            "config": {"schema": SCHEMA, "run_id": self.run_id, "name": self.name, **self.config},
            "command": self.command,
            "measured": {
                name: describe(each, identity=True) for name, each in self.experiment.measurements.items()
            },
        }

    @property
    def is_done(self) -> bool:
        """Whether there is a valid result with all that was asked for; InputError when it is broken."""
        return self.directory.lacking(self.experiment.measurements) == []

    @property
    def to_be_measured(self) -> list[str]:
        """The measurements that a run lacks which is trained and attacked; none where it is not, or is broken."""
        try:
            return self.directory.lacking(self.experiment.measurements) or []
        except InputError:
            return []

    def measuring_too(self, other: Job) -> Job:
        """This job with the measurements of `other`, which is the same run.

        Raises:
            InputError: when both have a measurement of one name with other settings.
        """
        mine, theirs = self.experiment.measurements, other.experiment.measurements
        if twice := [name for name in theirs if name in mine and theirs[name] != mine[name]]:
            raise InputError(f"measurement.{twice[0]}: takes the same settings wherever one run is asked for it")
        return replace(
            self,
            experiment=replace(self.experiment, measurements={**mine, **theirs}),
            config={**self.config, "measurement": {**self.config["measurement"], **other.config["measurement"]}},
        )

    @cached_property
    def prerequisites(self) -> tuple[Job, ...]:
        """The runs whose models this one needs: jobs like any other, labelled alike where nothing differs."""
        return tuple(self._needing(experiment) for experiment in self.experiment.prerequisites)

    @property
    def in_order(self) -> Iterator[Job]:
        """This job after those that it needs, each of them after those that it needs itself."""
        for needed in self.prerequisites:
            yield from needed.in_order
        yield self

    def create(self) -> None:
        """Make the run directory, with the config frozen in it."""
        self.directory.create(self.record["config"], self.command)

    def _needing(self, experiment: Experiment) -> Job:
        """The job of `experiment`, which shares most of its settings with this one."""
        lambda_ = getattr(experiment.defense, "lambda_", None)
        measured = {name: self.config["measurement"][name] for name in experiment.measurements}
        config, changed = {**self.config, "measurement": measured}, []
        for group in GROUPS:
            component, mine = getattr(experiment, group), getattr(self.experiment, group)
            if component != mine:
                described, name = describe(component), config[group]["name"]
                settings = dict(_leaves(group, described))
                if type(component) is type(mine):
                    settings = dict(settings.items() - dict(_leaves(group, describe(mine))).items())
                else:
                    name = option_of(component)
                    changed.append(f"{group}={name}")
                config[group] = {"name": name, **described}
                changed += [f"{key}={value}" for key, value in sorted(settings.items())]
        same_ball = experiment.threat_model == self.experiment.threat_model
        epsilon = config["epsilon"] if same_ball else experiment.threat_model.epsilon
        for key, value in (("lambda", lambda_), ("epsilon", epsilon), ("seed", experiment.seed)):
            if value != config[key]:
                config[key] = value
                changed += [] if value is None else [f"{key}={value}"]
        keys = {"lambda", *(setting.partition("=")[0] for setting in changed)}

        def stays(word: str) -> bool:
            # A setting inside a group that is another now goes with it.
            key = word.lstrip("+").partition("=")[0]
            return key not in keys and key.partition(".")[0] not in keys

        typed = [word for word in shlex.split(self.command) if stays(word)]
        return Job(
            experiment, config, shlex.join([*typed, *changed]), self.runs, self.tracking, self.keep_checkpoint
        )


def option_of(component: Any) -> str:
    """The option that chooses the component: it and the module of the class have the same name."""
    return type(component).__module__.rpartition(".")[2]


def label(config: Mapping[str, Any]) -> str:
    """`Job.label` of a config.yaml."""
    weight = [] if config["lambda"] is None else [f"lambda{config['lambda']}"]
    threat = f"{config['threat_model']['name']}{config['epsilon']}"
    return _file_name([config["defense"]["name"], *weight, threat, f"s{config['seed']}"])


def tags(config: Mapping[str, Any]) -> list[str]:
    """`Job.tags` of a config.yaml."""
    return [config["defense"]["name"], config["dataset"]["name"]]


def from_record(record: Mapping[str, Any], runs: Path) -> Job:
    """The job that `record` describes, in the folder `runs`: what another process is given to run.

    Raises:
        InputError: when the config cannot be read, or no longer gives its run id because the data changed.
    """
    config = record["config"]
    components = {group: build(config[group], group) for group in GROUPS}
    components["measurements"] = measurements(config["measurement"])
    job = Job(
        experiment=Experiment(**components, seed=config["seed"], device=config["device"]),
        config={key: value for key, value in config.items() if key not in ("schema", "run_id", "name")},
        command=record["command"],
        runs=runs,
        tracking=build(config["tracking"], "tracking"),
        keep_checkpoint=config.get("keep_checkpoint", False),
    )
    if job.run_id != config["run_id"]:
        raise InputError(
            f"{job.runs / record['directory']}: its data or the code changed since it was planned; "
            f"its run id is now {job.run_id}"
        )
    return job


def measurements(settings: Any, build: Callable[[Any, str], Any] = build) -> dict[str, Any]:
    """The measurements that the group of this name describes, by name; InputError as of `build`."""
    if not isinstance(settings, Mapping):
        raise InputError(f"measurement: takes measurements by name, got {checks.shown(settings)}")
    return {name: build(each, f"measurement.{name}") for name, each in settings.items()}


def _leaves(prefix: str, settings: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Every single setting by its dotted key, as it would be typed."""
    for key, value in settings.items():
        if isinstance(value, Mapping):
            yield from _leaves(f"{prefix}.{key}", value)
        elif key not in ("_target_", "fingerprint"):
            yield f"{prefix}.{key}", json.dumps(value) if isinstance(value, list) else _typed(value)


def _typed(value: Any) -> str:
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


@lru_cache(maxsize=2)
def _by_run_id(runs: Path, changed_at: int) -> dict[str, Path]:
    """The run directories in `runs` as it was at `changed_at`, by run id; listed once for a whole sweep."""
    return {path.name.rpartition("-")[2]: path for path in runs.iterdir()}


def _file_name(parts: Sequence[str]) -> str:
    return re.sub(r"[^\w.+-]", "_", "-".join(parts))
