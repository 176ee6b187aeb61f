"""An experiment and its run directory: attempted once, never twice at the same time, with an honest status."""

from __future__ import annotations

import os
import re
import socket
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from hypo.device import resolve
from hypo.environment import environment
from hypo.errors import DivergedError, InputError, LockedError
from hypo.experiment import Experiment, Observer
from hypo.identity import GROUPS, SCHEMA, run_id
from hypo.run_directory import RunDirectory, now
from hypo.settings import build
from hypo.tracking import Mirror, Tracking


@dataclass(frozen=True)
class Outcome:
    """How an attempt ended.

    Attributes:
        state: "done", "failed", or "running" when another process has the run.
        reason: one line, where it is not done.
        trained: whether this attempt did any work, or found the result there.
    """

    state: str
    reason: str | None = None
    trained: bool = True


@dataclass(frozen=True)
class Job:
    """One cell of a sweep, or the only one.

    Attributes:
        config: what config.yaml will hold, without schema, run id and name.
        command: what a user types to run just this.
        runs: the folder that holds the run directories.
    """

    experiment: Experiment
    config: Mapping[str, Any]
    command: str
    runs: Path
    tracking: Tracking

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
        config = self.config
        weight = [] if config["lambda"] is None else [f"lambda{config['lambda']}"]
        threat = f"{config['threat_model']['name']}{config['epsilon']}"
        return _file_name([config["defense"]["name"], *weight, threat, f"s{config['seed']}"])

    @property
    def directory(self) -> RunDirectory:
        """Where the run lies, or will; the run id alone decides, so that another name finds it too."""
        if self.runs.is_dir():
            for path in self.runs.glob(f"*-{self.run_id}"):
                return RunDirectory(path)
        return RunDirectory(self.runs / f"{self.name}-{self.run_id}")

    def create(self) -> None:
        """Make the run directory, with the config frozen in it."""
        config = {"schema": SCHEMA, "run_id": self.run_id, "name": self.name, **self.config}
        self.directory.create(config, self.command)

    def attempt(self, observer: Observer, group: str | None = None, *, wait: bool = False) -> Outcome:
        """Run what is missing of this job, which has been created; its own failures become an outcome.

        Args:
            group: the sweep it belongs to, for W&B.
            wait: when another process has the run, wait until it is done with it.

        Raises:
            KeyboardInterrupt, SystemExit: after noting it in the status.
        """
        directory = self.directory
        try:
            directory.config()
            with directory.lock(wait=wait):
                if directory.result() is not None:
                    return Outcome("done", trained=False)
                return self._attempt(directory, observer, group)
        except LockedError as error:
            return Outcome("running", str(error))
        except InputError as error:
            return Outcome("failed", str(error))
        except OSError as error:
            # Not even the status can be written: say so here, and leave the other jobs their chance.
            return Outcome("failed", f"{directory}: cannot be written: {error.strerror or error}")

    def _attempt(self, directory: RunDirectory, observer: Observer, group: str | None) -> Outcome:
        attempts = [
            *directory.status().get("attempts", []),
            {"host": socket.gethostname(), "pid": os.getpid(), "started_at": now()},
        ]

        def end(state: str, reason: str | None = None, trace: str | None = None) -> Outcome:
            attempts[-1] |= {"ended_at": now(), "outcome": state, "reason": reason}
            directory.update_status(
                state=state, reason=reason, traceback=trace, finished_at=now(), attempts=attempts
            )
            return Outcome(state, reason)

        mirror: Mirror | None = None
        try:
            directory.update_status(
                state="running",
                reason=None,
                host=socket.gethostname(),
                pid=os.getpid(),
                started_at=now(),
                finished_at=None,
                epochs=self.experiment.recipe.epochs,
                attempts=attempts,
            )
            directory.save_environment(environment(resolve(self.experiment.device)))
            mirror = self.tracking.start(
                directory.path,
                run_id=self.run_id,
                name=self.label,
                group=group,
                tags=[self.config["defense"]["name"], self.config["dataset"]["name"]],
                config=directory.config(),
            )
            shares = self.experiment.run(directory, _Recorder(directory, mirror, observer))
            directory.save_result(self.run_id, shares)
            mirror.finish({name: share.value for name, share in shares.items()})
            return end("done")
        except (KeyboardInterrupt, SystemExit) as stop:
            end("interrupted", "terminated" if isinstance(stop, SystemExit) else "interrupted by the user")
            raise
        except InputError as error:
            return end("failed", str(error))
        except DivergedError as error:
            return end("failed", f"diverged: {error}{self._at_lambda()}")
        except torch.OutOfMemoryError as error:
            return end("failed", f"out of memory: {str(error).splitlines()[0]}")
        except Exception as error:
            # Whatever it was, the other jobs of the sweep go on; the traceback stays in status.json.
            text = " ".join(f"{type(error).__name__}: {error}".split())
            return end("failed", text, traceback.format_exc())
        finally:
            if mirror is not None and directory.status().get("state") != "done":
                mirror.finish({}, exit_code=1)

    def _at_lambda(self) -> str:
        lambda_ = getattr(self.experiment.defense, "lambda_", None)
        return "" if lambda_ is None else f" (lambda={lambda_:g})"


def reopen(path: Path) -> Job:
    """The job that a run directory's frozen config describes: what another process is given to run.

    Raises:
        InputError: when the config cannot be read, or no longer gives its run id because the data changed.
    """
    directory = RunDirectory(path)
    config = directory.config()
    components = {group: build(config[group], group) for group in GROUPS}
    job = Job(
        experiment=Experiment(**components, seed=config["seed"], device=config["device"]),
        config={key: value for key, value in config.items() if key not in ("schema", "run_id", "name")},
        command=directory.status().get("command", ""),
        runs=path.parent,
        tracking=build(config["tracking"], "tracking"),
    )
    if job.run_id != config["run_id"]:
        raise InputError(
            f"{path}: its data or the code changed since it was planned; its run id is now {job.run_id}"
        )
    return job


def _file_name(parts: Sequence[str]) -> str:
    return re.sub(r"[^\w.+-]", "_", "-".join(parts))


@dataclass(frozen=True)
class _Recorder:
    """An observer that writes the status and the mirror before it tells the next observer."""

    directory: RunDirectory
    mirror: Mirror
    observer: Observer

    def epoch(self, row: dict[str, float], epochs: int) -> None:
        self.directory.update_status(epoch=int(row["epoch"]))
        self.mirror.log(row)
        self.observer.epoch(row, epochs)

    def evaluating(self, done: int, total: int) -> None:
        self.observer.evaluating(done, total)
