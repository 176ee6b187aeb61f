"""A process that runs what it is told, one run after the other: the far end of a launcher's pool.

A task is `{"runs": folder, "record": as of `Job.record`, "group": sweep id}`, perhaps with "claim" and "before"
(see `attempt`); the answer to it is an `Outcome`. All that a run prints goes to `log.txt` in its directory.
"""

from __future__ import annotations

import os
import queue
import signal
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from rich.console import Console

from hypo.command_line.console import Lines
from hypo.jobs.attempt import attempt
from hypo.jobs.job import from_record
from hypo.runs import tracking
from hypo.runs.directory import RunDirectory
from hypo.runs.lock import Claim
from hypo.runs.outcome import STOPPED, Outcome
from hypo.settings.errors import InputError

_STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR2)


def serve(connection: Connection) -> None:
    """Answer tasks until the connection ends; exits with `STOPPED` when a signal says so.

    When it ends in the middle of a run, whoever gave the tasks has died, and the run is stopped.
    """
    for number in _STOPPING:
        signal.signal(number, _stop)
    tasks: queue.SimpleQueue[Mapping[str, Any] | None] = queue.SimpleQueue()
    idle = threading.Event()
    idle.set()
    threading.Thread(target=_receive, args=(connection, tasks, idle), daemon=True).start()
    try:
        while (task := tasks.get()) is not None:
            outcome = run(task)
            idle.set()
            connection.send(outcome)
    except KeyboardInterrupt:
        sys.exit(STOPPED)
    except BrokenPipeError:
        pass  # nobody is left to hear it, and the run's status says it too
    finally:
        tracking.close()


def run(task: Mapping[str, Any]) -> Outcome:
    """Attempt one run, with everything that is printed meanwhile appended to its log.txt."""
    record, runs = task["record"], Path(task["runs"])
    directory = RunDirectory(runs / record["directory"])
    try:
        directory.create(record["config"], record["command"])
        log = os.open(directory.path / "log.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.close(log)
        job, observer = from_record(record, runs), Lines(Console(width=100))
        return attempt(job, observer, task["group"], task.get("claim", Claim()), task.get("before"))
    except (InputError, OSError) as error:
        outcome = Outcome("failed", str(error), "bad data")
        with suppress(OSError):  # then this is all that will be known of it
            directory.end_attempt(outcome)
        return outcome


def _stop(number: int, frame: object) -> None:
    for again in _STOPPING:
        signal.signal(again, signal.SIG_IGN)  # the status is being written
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    sys.exit(STOPPED)


def _receive(
    connection: Connection, tasks: queue.SimpleQueue[Mapping[str, Any] | None], idle: threading.Event
) -> None:
    try:
        while True:
            task = connection.recv()
            idle.clear()
            tasks.put(task)
    except (EOFError, OSError):
        if not idle.is_set():
            os.kill(os.getpid(), signal.SIGTERM)
        tasks.put(None)
