"""What the files of one run say of it, and what is left of the job that it was in."""

from __future__ import annotations

import csv
import json
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from hypo.runs import status as run_status
from hypo.runs.lock import is_held, seconds_since_beat
from hypo.runs.outcome import Outcome
from hypo.settings.identity import SCHEMA, how_to_update
from launchers.watching.cluster import ClusterJob
from launchers.watching.log import of_state, printed, why_ended
from launchers.watching.sightings import Sighting

ALIVE_SECONDS = 60.0
"""How old a sign of life of a process on another machine may be, where its lock cannot be seen."""


@dataclass(frozen=True)
class Evidence:
    """All there is to know of a run; each file is read when it is asked for, and once."""

    directory: Path
    sighting: Sighting | None
    measured: Mapping[str, Any]

    @cached_property
    def status(self) -> Mapping[str, Any]:
        """status.json."""
        return run_status.read(self.directory)

    @property
    def state(self) -> str | None:
        """What the run said of itself last."""
        return self.status.get("state")

    @property
    def attempts(self) -> Sequence[Mapping[str, Any]]:
        """How it was begun, each time."""
        return self.status.get("attempts") or []

    @property
    def job(self) -> ClusterJob | None:
        """Slurm's, in which it was seen last."""
        return self.sighting.job if self.sighting else None

    @property
    def fault_of_result(self) -> str | None:
        """What is wrong with its result, "" for nothing; None where there is none with all that is measured."""
        path = self.directory / "result.json"
        try:
            result = json.loads(path.read_text())
            schema = result["schema"]
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            said = " ".join(str(error).split())
            return f"{path}: the result cannot be read ({said}); move it away and repeat the command"
        known = f"this version of hypo reads {SCHEMA}{how_to_update(schema)}"
        if schema != SCHEMA:
            return f"{path}: has schema version {schema}, {known}"
        return None if run_status.unmeasured(result, self.measured) else ""

    @property
    def is_of_job(self) -> bool:
        """Whether its last attempt was made by the job in which it was seen last."""
        return bool(self.attempts) and self._is_of_submission(self.attempts[-1])

    @property
    def has_the_last_word(self) -> bool:
        """Whether it noted its state after it was submitted last."""
        if self.is_of_job or self.state in (None, "queued"):
            return self.is_of_job
        return self.sighting is None or self.status.get("updated_at", "") >= self.sighting.submission.created_at

    @property
    def is_tried_again(self) -> bool:
        """Whether the job in which it failed, and which goes on, tries it again."""
        assert self.sighting is not None
        attempts = sum(map(self._is_of_submission, self.attempts))
        return self.status.get("cause") == "killed" and attempts < self.sighting.submission.max_attempts

    @property
    def is_alive(self) -> bool:
        """Whether a process has it, as far as can be seen without Slurm."""
        if is_held(self.directory / ".lock"):
            return True
        # Some shared file systems keep locks to the machine that took them; a sign of life is seen everywhere.
        elsewhere = self.status.get("host") != socket.gethostname()
        return self.job is None and elsewhere and self.beat is not None and self.beat < ALIVE_SECONDS

    @property
    def beat(self) -> float | None:
        """Seconds since its last sign of life."""
        return seconds_since_beat(self.directory / ".lock")

    @property
    def seconds_left(self) -> float | None:
        """The mean time of the epochs so far, times those that are left; evaluation comes on top."""
        try:
            with (self.directory / "history.csv").open(newline="") as file:
                seconds = [float(row["seconds"]) for row in csv.DictReader(file)]
        except (OSError, ValueError, KeyError, TypeError):
            return None
        if not seconds:
            return None
        return sum(seconds) / len(seconds) * max(0, (self.status.get("epochs") or 0) - len(seconds))

    @cached_property
    def job_log(self) -> Sequence[str]:
        """The last lines that its job printed."""
        return printed(self.sighting.log) if self.sighting and self.sighting.log else []

    @property
    def log(self) -> Sequence[str]:
        """The last lines about it, from wherever something happened last."""
        own = self.status.get("log") or run_status.last_lines(self.directory / "log.txt")
        return own or self.job_log if self.has_the_last_word else self.job_log or own

    @cached_property
    def said_by_slurm(self) -> Outcome | None:
        """How its job ended; None where that is not known, or it goes on."""
        log = self.sighting.log if self.sighting else None
        return self._last_state_of_job or (why_ended(log) if log else None)

    @property
    def ending(self) -> Outcome:
        """How its last attempt ended, if it did."""
        state, cause = self.state, self.status.get("cause")
        if self.is_of_job and state in ("running", "interrupted"):
            # Told to stop, it does not know why; and what happened to its job later counts for more.
            vague = state == "running" or cause == "interrupted"
            known = self.said_by_slurm if vague else self._last_state_of_job
            if known is not None:
                return known
        if state in ("failed", "interrupted"):
            return Outcome(state, self.status.get("reason"), cause)
        if state == "done":
            gone = not (self.directory / "result.json").exists()
            why = "its result.json is not there any more" if gone else "there is more to measure now"
            return Outcome("interrupted", why)
        return Outcome("interrupted", f"ended without a word at epoch {self.status.get('epoch') or 0}", "killed")

    @property
    def _last_state_of_job(self) -> Outcome | None:
        return of_state(self.job.state) if self.job else None

    def _is_of_submission(self, attempt: Mapping[str, Any]) -> bool:
        return self.sighting is not None and attempt.get("submission") == self.sighting.submission.folder.name
