"""One attempt at a job: never twice at the same time, with an honest status whatever happens."""

from __future__ import annotations

import errno
import os
import socket
import traceback
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from hypo.jobs.environment import environment
from hypo.jobs.experiment import Experiment
from hypo.jobs.job import Job
from hypo.jobs.observer import Observer
from hypo.jobs.usage import Meter
from hypo.runs.directory import RunDirectory
from hypo.runs.loading import load_model
from hypo.runs.lock import Claim, is_held
from hypo.runs.outcome import Outcome
from hypo.runs.status import now
from hypo.runs.tracking import Mirror
from hypo.settings.device import resolve
from hypo.settings.errors import DivergedError, InputError, LockedError, PrerequisiteError
from hypo.settings.identity import run_id


def attempt(
    job: Job,
    observer: Observer,
    group: str | None = None,
    claim: Claim | None = None,
    before: Outcome | None = None,
) -> Outcome:
    """Run what is missing of `job`; its own failures become an outcome.

    Args:
        group: the sweep it belongs to, for W&B.
        claim: how to go about a run that another process has.
        before: how the attempt before this ended, where it could not say so itself.

    Raises:
        KeyboardInterrupt, SystemExit: after noting it in the status.
    """
    directory = job.directory
    try:
        job.create()
        frozen = directory.config()
        with directory.lock(claim):
            if job.is_done:
                return Outcome("done", trained=False)
            if frozen != job.record["config"]:  # another device or place of the data, under the same run id
                directory.save_config(job.record["config"])
            return _attempt(job, directory, observer, group, claim or Claim(), before)
    except LockedError as error:
        return Outcome("running", str(error))
    except InputError as error:
        return Outcome("failed", str(error), "bad data")
    except OSError as error:
        # Not even the status can be written: say so here, and leave the other jobs their chance.
        reason = f"{directory}: cannot be written: {error.strerror or error}"
        return Outcome("failed", reason, _cause(error))


def _attempt(
    job: Job,
    directory: RunDirectory,
    observer: Observer,
    group: str | None,
    claim: Claim,
    before: Outcome | None,
) -> Outcome:
    attempts = directory.status().get("attempts", [])
    if attempts and "ended_at" not in attempts[-1]:
        directory.end_attempt(before or Outcome("interrupted", "ended without a word", "killed"))
        attempts = directory.status()["attempts"]
    who = {"host": socket.gethostname(), "pid": os.getpid(), "started_at": now()}
    mirror: Mirror | None = None
    meter: Meter | None = None
    doing = ""

    def end(outcome: Outcome, trace: str | None = None) -> Outcome:
        directory.end_attempt(outcome, meter.so_far() if meter else {}, traceback=trace)
        return outcome

    try:
        this = {**who, **claim.about}
        directory.update_status(
            state="running",
            reason=None,
            cause=None,
            log=[],
            command=job.command,
            **who,
            finished_at=None,
            epochs=job.experiment.recipe.epochs,
            images_per_second=None,
            attempts=[*attempts, this],
        )
        device = resolve(job.experiment.device)
        directory.save_environment(environment(device))
        meter = Meter(device)
        mirror = job.tracking.start(
            directory.path,
            run_id=job.run_id,
            name=job.label,
            group=group,
            tags=job.tags,
            config=job.record["config"],
        )
        recorder = _Recorder(directory, mirror, observer, meter, [*attempts, this])
        needed = {prerequisite.run_id: prerequisite for prerequisite in job.prerequisites}

        def model_of(experiment: Experiment) -> nn.Module:
            identity = run_id(experiment)
            return load_model(directory.path) if identity == job.run_id else _model_of(needed[identity])

        if directory.result() is None:
            core = job.experiment.run(directory, recorder, model_of)
            directory.save_result(job.run_id, core, keep_checkpoint=job.keep_checkpoint)
            if "trained_in" in directory.status():  # whose epochs nobody has told the mirror
                with suppress(KeyError, TypeError, ValueError):  # a broken history costs the mirror, not the run
                    for row in directory.history():
                        mirror.log(row)
        for name in directory.lacking(job.experiment.measurements) or ():
            doing = f"measurement.{name}: "
            recorder.measuring(name)
            finding = job.experiment.measure(name, directory, recorder, model_of)
            directory.add_finding(name, job.experiment.measurements[name], finding)
        mirror.finish(directory.result() or {})
        return end(Outcome("done"))
    except LockedError:
        raise
    except (KeyboardInterrupt, SystemExit) as stop:
        why = "interrupted by the user" if isinstance(stop, KeyboardInterrupt) else "terminated"
        with suppress(LockedError, OSError):  # it stops, whether or not that can be noted
            end(Outcome("interrupted", why, "interrupted"))
        raise
    except Exception as error:
        # Whatever it was, the other jobs of the sweep go on; a traceback stays in status.json.
        cause = _cause(error)
        trace = traceback.format_exc() if cause == "error" else None
        return end(Outcome("failed", doing + _spoken(error, cause, job), cause), trace)
    finally:
        if meter is not None:
            meter.stop()
        if mirror is not None and directory.status().get("state") != "done":
            mirror.finish({}, exit_code=1)


def _model_of(needed: Job) -> nn.Module:
    """The trained model of a prerequisite."""
    directory = needed.directory
    if directory.result() is None and is_held(directory.path / ".lock"):
        with directory.lock(Claim(wait=True)):
            pass  # whoever is at it is done with it now
    if directory.result() is None:
        status = directory.status()
        how = f"{status.get('state', 'not started')}: {status.get('reason') or 'it has no result yet'}"
        raise PrerequisiteError(f"needs the model of {directory.path.name}, which is {how}")
    return load_model(directory.path)


def _cause(error: Exception) -> str:
    """Which of `outcome.CAUSES` an exception is."""
    if isinstance(error, DivergedError):
        return "diverged"
    if isinstance(error, PrerequisiteError):
        return "prerequisite failed"
    if isinstance(error, InputError):
        return "bad data"
    # PyTorch has no type of its own for a CPU that has no memory left.
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)) or "can't allocate memory" in str(error):
        return "out of memory"
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "disk full"
    return "error"


def _spoken(error: Exception, cause: str, job: Job) -> str:
    """One line about what ended an attempt."""
    if isinstance(error, (InputError, PrerequisiteError)):
        return str(error)
    if cause == "diverged":
        lambda_ = getattr(job.experiment.defense, "lambda_", None)
        return f"diverged: {error}" + ("" if lambda_ is None else f" (lambda={lambda_:g})")
    if cause == "out of memory":
        return f"out of memory: {(str(error) or type(error).__name__).splitlines()[0]}"
    return " ".join(f"{type(error).__name__}: {error}".split())


@dataclass(frozen=True)
class _Recorder:
    """An observer that writes the status and the mirror before it tells the next observer."""

    directory: RunDirectory
    mirror: Mirror
    observer: Observer
    meter: Meter
    attempts: Sequence[Mapping[str, Any]]

    def epoch(self, row: dict[str, float], epochs: int) -> None:
        *before, this = self.attempts
        self.directory.update_status(
            **{key: int(row[key]) for key in ("epoch", "kept_epoch") if key in row},
            images_per_second=row.get("images_per_second"),
            attempts=[*before, {**this, "usage": self.meter.so_far()}],
        )
        self.mirror.log(row)
        self.observer.epoch(row, epochs)

    def evaluating(self, done: int, total: int) -> None:
        self.observer.evaluating(done, total)

    def measuring(self, name: str) -> None:
        self.observer.measuring(name)

    def decided(self, examples: int, total: int) -> None:
        self.observer.decided(examples, total)
