"""What can be set under `hydra.launcher` for Slurm, for all cells or by a rule for some."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

from hypo.jobs.job import Job
from hypo.settings import checks
from hypo.settings.components import build
from hypo.settings.errors import InputError
from launchers.packing import setting
from launchers.packing.setting import RunsPerGpu
from launchers.planning import conditions
from launchers.planning.conditions import Conditions

_KEY = "hydra.launcher"

_SET_BY_US = ("array", "error", "job-name", "kill-on-invalid-dep", "open-mode", "output", "signal")
"""Options of sbatch's by which jobs are told apart, found and stopped in time."""

_INSTEAD = (
    ("mem_per_cpu", "mem_gb"),
    ("mem_per_gpu", "mem_gb"),
    ("mem_per_gpu", "mem_per_cpu"),
    ("cpus_per_gpu", "cpus_per_task"),
    ("gres", "gpus_per_node"),
)
"""What can be asked for in one way or in another, and is refused by sbatch, or counted twice, in both."""


@dataclass(frozen=True)
class Resources:
    """What one job of Slurm's is given. The names are those of the published submitit launcher.

    None leaves a setting to the cluster. `name` is what the queue shows; `setup` are shell commands that run
    before Python does; `python` is the interpreter on the node; `runs_per_gpu` is a number, or "auto" for
    `launchers.slurm.packing`; `additional_parameters` go to sbatch as they are. All other names are sbatch's own.
    """

    name: str = "hypo"
    partition: str | None = None
    account: str | None = None
    qos: str | None = None
    constraint: str | None = None
    exclude: str | None = None
    nodelist: str | None = None
    gres: str | None = None
    gpus_per_node: int | None = None
    gpus_per_task: int | None = None
    cpus_per_task: int | None = None
    cpus_per_gpu: int | None = None
    mem_gb: float | None = None
    mem_per_gpu: str | None = None
    mem_per_cpu: str | None = None
    timeout_min: int = 60
    signal_delay_s: int = 90
    comment: str | None = None
    mail_user: str | None = None
    mail_type: str | None = None
    nodes: int = 1
    tasks_per_node: int = 1
    array_parallelism: int = 256
    stderr_to_stdout: bool = True
    setup: tuple[str, ...] | None = None
    srun_args: tuple[str, ...] | None = None
    python: str | None = None
    runs_per_gpu: RunsPerGpu = 1

    def __post_init__(self) -> None:
        for name in ("timeout_min", "array_parallelism", "cpus_per_task", "cpus_per_gpu"):
            if getattr(self, name) is not None:
                checks.integer(name, getattr(self, name), at_least=1)
        for name in ("gpus_per_node", "gpus_per_task"):
            if getattr(self, name) is not None:
                checks.integer(name, getattr(self, name), at_least=0)
        if self.mem_gb is not None:
            checks.number("mem_gb", self.mem_gb, above=0)
        for name in ("nodes", "tasks_per_node"):
            if getattr(self, name) != 1:
                raise InputError(f"{name}: takes 1, a run is one process; got {getattr(self, name)}")
        for name, other in _INSTEAD:
            if getattr(self, name) and getattr(self, other) and (name != "gres" or self._gpus_in_gres):
                got = f"{other}={getattr(self, other)}"
                raise InputError(f"{name}: takes {other}=null beside it, got {got}")
        if not 0 < self.signal_delay_s < 60 * self.timeout_min:
            limit = f"{60 * self.timeout_min} (timeout_min={self.timeout_min})"
            raise InputError(f"signal_delay_s: takes seconds above 0 and below {limit}, got {self.signal_delay_s}")

    @property
    def gpus(self) -> int:
        """How many GPUs a job has."""
        return self.gpus_per_node or self.gpus_per_task or self._gpus_in_gres

    @property
    def slots(self) -> int:
        """How many runs a job holds at a time; as many as GPUs where that is to be found out."""
        return max(1, self.gpus) * (1 if self.runs_per_gpu == "auto" else self.runs_per_gpu)

    @property
    def cores(self) -> int | None:
        """How many cores a job has; None where that is the cluster's choice."""
        return self.cpus_per_task or (self.gpus * (self.cpus_per_gpu or 0) or None)

    @property
    def _gpus_in_gres(self) -> int:
        found = re.search(r"(?:^|,)gpu(?::[^:,(]*[^:,(\d][^:,(]*)?(?::(\d+))?", self.gres or "")
        return int(found[1] or 1) if found else 0


@dataclass(frozen=True)
class SlurmSettings:
    """All settings.

    Attributes:
        resources: of a cell to which no rule applies; additional: sbatch parameters that have no name here.
        rules: pairs of a condition and what it changes, all that fit are applied in turn.
        wait: stay until the sweep is done, and end with the table.
        dry_run: print the plan and the scripts, submit nothing.
        retry_failed: submit cells again that failed before.
        snapshot: run from a copy of the code as it is now.
        max_attempts: how often a run is begun by one submission before it counts as failed.
        max_num_timeout: how often a job goes on after its time limit; None for as often as max_attempts lets it.
        submitit_folder: where scripts and Slurm's logs go, in a folder for each submission; None for the sweep's.
    """

    resources: Resources = field(default_factory=Resources)
    additional: Mapping[str, Any] = field(default_factory=dict)
    rules: Sequence[tuple[Conditions, Mapping[str, Any]]] = ()
    wait: bool = False
    dry_run: bool = False
    retry_failed: bool = True
    snapshot: bool = False
    max_attempts: int = 10
    max_num_timeout: int | None = None
    submitit_folder: str | None = None

    def resources_for(self, job: Job) -> Resources:
        """What a cell is given; InputError when rules that fit it do not go together."""
        changes: dict[str, Any] = {}
        for when, then in self.rules:
            if conditions.fits(when, job):
                changes.update(then)
        try:
            return replace(self.resources, **changes) if changes else self.resources
        except InputError as error:
            raise InputError(f"{_KEY}.rules: {error}") from None


def read(settings: Mapping[str, Any]) -> SlurmSettings:
    """The settings in plain data, checked.

    Raises:
        InputError: for an unknown name, listing the known ones, or a value that cannot be.
    """
    names = {item.name for item in fields(Resources)}
    own = {"additional_parameters", "rules", *(item.name for item in fields(SlurmSettings))} - {
        "resources",
        "additional",
    }
    if unknown := sorted(set(settings) - names - own):
        known = ", ".join(sorted(names | own))
        raise InputError(f"{_KEY}.{unknown[0]}: no such setting; takes {known}")
    resources = _resources({key: value for key, value in settings.items() if key in names}, _KEY)
    given = {key: value for key, value in settings.items() if key in own - {"additional_parameters", "rules"}}
    plain = build(given, _KEY, SlurmSettings)
    checks.integer(f"{_KEY}.max_attempts", plain.max_attempts, at_least=1)
    if plain.max_num_timeout is not None:
        checks.integer(f"{_KEY}.max_num_timeout", plain.max_num_timeout, at_least=0)
    resources = _resources({key: value for key, value in settings.items() if key in names}, _KEY)
    rules = [] if settings.get("rules") is None else settings["rules"]
    if not isinstance(rules, list):
        raise InputError(f"{_KEY}.rules: takes a list of rules, got {checks.shown(rules)}")
    return replace(
        plain,
        resources=resources,
        additional=_additional(settings.get("additional_parameters")),
        rules=[_rule(rule, f"{_KEY}.rules[{number}]", resources) for number, rule in enumerate(rules)],
    )


def _resources(settings: Mapping[str, Any], key: str) -> Resources:
    given = settings.get("name", Resources.name)  # elsewhere the name of an option, which `build` leaves out
    name = str(given) if isinstance(given, (str, int)) and not isinstance(given, bool) else ""
    if not re.fullmatch(r"[\w.+-]+", name):
        raise InputError(f"{key}.name: takes letters, digits and . _ + -, got {checks.shown(given)}")
    runs_per_gpu = setting.read(f"{key}.runs_per_gpu", settings.get("runs_per_gpu", Resources.runs_per_gpu))
    others = {item: value for item, value in settings.items() if item != "runs_per_gpu"}
    return replace(build(others, key, Resources), name=name, runs_per_gpu=runs_per_gpu)


def _additional(options: Any) -> dict[str, Any]:
    key = f"{_KEY}.additional_parameters"
    if options is None:
        return {}
    if not isinstance(options, Mapping):
        raise InputError(f"{key}: takes a mapping of sbatch's options, got {checks.shown(options)}")
    for name, value in options.items():
        if str(name).replace("_", "-") in _SET_BY_US:
            raise InputError(f"{key}.{name}: is set by the launcher, takes other options of sbatch's; got {value}")
    return dict(options)


def _rule(rule: Any, key: str, resources: Resources) -> tuple[Conditions, Mapping[str, Any]]:
    """A rule, which changes some of `resources`."""
    if not isinstance(rule, Mapping) or not isinstance(rule.get("when"), Mapping) or not rule["when"]:
        raise InputError(f"{key}: takes {{when: {{arch: vgg16}}, mem_gb: 64}} or the like, got {rule}")
    changes = {name: value for name, value in rule.items() if name != "when"}
    for name in changes:
        checks.choice(key, name, sorted(set(vars(resources)) - {"array_parallelism"}))
    changed = _resources({**vars(resources), **changes}, key)
    return conditions.read(rule["when"], f"{key}.when"), {name: getattr(changed, name) for name in changes}
