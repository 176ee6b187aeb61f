"""W&B as a mirror of the run directory: it may fall behind or break, and no run notices.

Everything of W&B happens in a child process, `hypo.runs.wandb_process`, one for each process that trains, started
with its first run. The parent writes one line of JSON a message into a pipe and never waits for an answer, so
neither a dead server nor a full disk nor a crash of W&B can stop training; wandb's import (0.4 s), its
environment variables and its exit hooks stay out of the parent; and when the parent is killed, the child sees
the pipe end and closes the records properly. Only the end of the process waits for the child, for a bounded
time.
"""

from __future__ import annotations

import atexit
import json
import logging
import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from hypo.settings import checks
from hypo.settings.errors import InputError

logger = logging.getLogger("hypo")

PATIENCE = 60.0
"""Seconds that the end of the process waits for the child, which gives up on a server long before."""

NAME = re.compile(r"(?=.*\S)[^/\\#?%:]{1,128}")
"""What W&B takes for the name of a project, a user or a team."""

MODES = ("offline", "online", "disabled")


@dataclass(frozen=True)
class Tracking:
    """Where runs are mirrored.

    mode: "offline" writes W&B's files below the run directory and needs no account; "online" uploads them
        too, up to the first failure; "disabled" does nothing.
    project, entity: W&B's project, and the user or team that owns it (None: the account's default).

    Raises InputError, naming the setting, for any other mode and for what W&B takes for no name.
    """

    mode: str = "offline"
    project: str = "hypo"
    entity: str | None = None

    def __post_init__(self) -> None:
        """Refuse what W&B would refuse, but now."""
        checks.choice("tracking.mode", self.mode, MODES)
        for key, name in (("project", self.project), ("entity", self.entity)):
            if not (NAME.fullmatch(str(name)) or (key == "entity" and name is None)):
                raise InputError(f"tracking.{key}: takes up to 128 characters, none of / \\ # ? % :, got {name!r}")

    def start(
        self,
        directory: Path,
        *,
        run_id: str,
        name: str,
        group: str | None,
        tags: Sequence[str],
        config: Mapping[str, Any],
    ) -> Mirror:
        """Begin, or resume, the W&B run `run_id`, with everything of W&B on disk in `directory`/wandb.

        directory: the run directory, which exists.
        name: what W&B shows, such as `thrm-lambda5-s0`; group: the sweep's id, or None outside a sweep.
        config: the resolved settings as plain values; they are uploaded, so they hold no secret.
        """
        if self.mode == "disabled":
            return Mirror()
        mirror = Mirror(_process(), str(directory.resolve()))
        run = {"id": run_id, "name": name, "group": group, "tags": list(tags), "config": dict(config)}
        mirror._send(
            start={"online": self.mode == "online", "project": str(self.project), "entity": self.entity, **run}
        )
        return mirror


class Mirror:
    """One run's way to W&B. No method raises or waits."""

    def __init__(self, process: _Process | None = None, directory: str = "") -> None:
        """With no process to talk to, a mirror that does nothing."""
        self._process = process
        self._directory = directory

    def log(self, row: Mapping[str, float]) -> None:
        """Record one epoch; `row["epoch"]` is its step. Epochs may come again after a resumption."""
        self._send(log=dict(row))

    def finish(self, summary: Mapping[str, Any], exit_code: int = 0) -> None:
        """Record the final results and end the run: exit code 0 shows as finished, any other as failed."""
        self._send(finish={"summary": dict(summary), "exit_code": exit_code})

    def _send(self, **message: Mapping[str, Any]) -> None:
        """Hand one message of this run to the child process."""
        if self._process:
            self._process.send({"run": self._directory, **message})


_processes: dict[int, _Process] = {}
"""The child of each process by the parent's id: a forked worker must not share its parent's pipe."""


def _process() -> _Process:
    """This process's child, started when there is none yet."""
    pid = os.getpid()
    if pid not in _processes:
        _processes[pid] = _Process()
    return _processes[pid]


@atexit.register
def close() -> None:
    """Wait, for a bounded time, until all that was recorded is on disk and, online, uploaded.

    It happens by itself when the interpreter exits, which workers of `multiprocessing` do not.
    """
    if process := _processes.pop(os.getpid(), None):
        process.close()


class _Process:
    """The child process, the pipe to it, and the one warning that it is worth."""

    def __init__(self) -> None:
        """Start the child; that it does not start is a warning too."""
        self._warned = False
        self._unsent = b""
        self._child: subprocess.Popen[bytes] | None = None
        try:
            self._child = subprocess.Popen(
                [sys.executable, "-m", "hypo.runs.wandb_process"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                bufsize=0,
                env=_environment(),
                start_new_session=True,  # Ctrl-C is for the parent; the child ends when the pipe does
            )
        except OSError as error:
            self._warn(f"its process did not start: {error}")
        else:
            os.set_blocking(_open(self._child.stdin).fileno(), False)
            os.set_blocking(_open(self._child.stdout).fileno(), False)

    def send(self, message: Mapping[str, Any]) -> None:
        """Write one message, or as much as the pipe takes now; the rest waits here for the next call."""
        if self._child is None:
            return
        self._pass_on_warnings(_open(self._child.stdout).read())
        self._unsent += json.dumps(message, default=str).encode() + b"\n"
        try:
            written = _open(self._child.stdin).write(self._unsent)  # None: the pipe is full
        except BrokenPipeError:
            self._end("its process died")
        else:
            self._unsent = self._unsent[written or 0 :]

    def close(self) -> None:
        """Send what is left and wait until the child is done."""
        if self._child is None:
            return
        self._unsent += b"{}\n"  # the pipe's end would not do: forked workers hold it open
        try:
            replies, _ = self._child.communicate(self._unsent, PATIENCE)
        except (subprocess.TimeoutExpired, KeyboardInterrupt):
            self._end("its process was still busy at the end")
        else:
            self._pass_on_warnings(replies)
            self._end("its process died" if self._child.returncode else None)

    def _end(self, fault: str | None) -> None:
        """Have no child any more."""
        assert self._child is not None
        self._child.kill()
        self._child.communicate()
        _open(self._child.stdin).close()
        self._child = None
        if fault is not None:
            self._warn(fault)

    def _pass_on_warnings(self, replies: bytes | None) -> None:
        """Log what the child wrote since the last time, one fault a line."""
        for fault in (replies or b"").decode(errors="replace").splitlines():
            self._warn(fault)

    def _warn(self, fault: str) -> None:
        """Log the first fault as a warning; what follows from it is for debugging."""
        level = logging.DEBUG if self._warned else logging.WARNING
        self._warned = True
        logger.log(level, "W&B: %s (the run directories have everything)", fault)


def _environment() -> dict[str, str]:
    """This process's environment, in which the child finds `hypo` and starts a W&B session of its own."""
    inherited = {key: value for key, value in os.environ.items() if key != "WANDB_SERVICE"}
    path = [str(Path(__file__).parents[2]), *filter(None, [inherited.get("PYTHONPATH")])]
    return {**inherited, "PYTHONPATH": os.pathsep.join(path), "WANDB_ERROR_REPORTING": "false"}


def _open(pipe: IO[bytes] | None) -> IO[bytes]:
    """A pipe that Popen was asked for."""
    assert pipe is not None
    return pipe
