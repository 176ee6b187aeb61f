"""The process that owns W&B for `hypo.runs.tracking`: a JSON message a line on standard input, faults on output.

A message is `{"run": directory, "start" | "log" | "finish": …}`, and `{}` is the last one. Several runs can
be open at once; those still open at the end, because the parent was killed, are closed as failed. From the
first failure online on, nothing is uploaded: that run and all later ones wait for `analysis wandb --sync`.
"""

from __future__ import annotations

import json
import os
import signal
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from queue import SimpleQueue
from typing import IO, TYPE_CHECKING, Any

from hypo.runs.wandb_run import FINISH_SECONDS, begin, conclude

if TYPE_CHECKING:
    import wandb

PROBE_SECONDS = 3.0
"""How long a server may take to answer at all; without asking, wandb blocks for 101 s on a dead one."""

LATER = "upload later with `python -m analysis wandb --sync`"

CLOSING_SECONDS = 20.0
"""How long after the parent's end runs are still started online; the rest goes offline."""


class Recorder:
    """Turns messages into W&B runs; `report` gets one line for each fault."""

    def __init__(self, report: Callable[[str], None]) -> None:
        """A recorder without runs."""
        self._report = report
        self._runs: dict[str, wandb.Run] = {}
        self._online = True
        self.deadline = float("inf")
        """time.monotonic() after which no run is started online."""

    def handle(self, message: Mapping[str, Any]) -> None:
        """Do what one message asks; a fault is reported, never raised."""
        directory = message["run"]
        try:
            if "start" in message:
                self._runs[directory] = self._start(Path(directory), **message["start"])
            elif directory in self._runs and "log" in message:
                row = message["log"]
                self._runs[directory].log(row, step=int(row["epoch"]), commit=True)
            elif directory in self._runs:
                self._finish(directory, **message["finish"])
        except Exception as error:
            self._report(f"recording {directory} failed: {error}")

    def close(self) -> None:
        """End the runs that nobody ended."""
        for directory in list(self._runs):
            self.handle({"run": directory, "finish": {"summary": {}, "exit_code": 1}})

    def _start(self, directory: Path, *, online: bool, **run: Any) -> wandb.Run:
        import wandb

        (directory / "wandb").mkdir(exist_ok=True)  # wandb would silently turn to /tmp
        if online and self._online and time.monotonic() > self.deadline:
            self._stay_offline("the server is too slow")
        if online and self._online:
            try:
                probe(wandb.setup().settings.base_url)
                return begin(directory, "online", **run)
            except Exception as error:
                self._stay_offline(str(error))
                wandb.teardown()  # without it the offline run of the same id fails
        return begin(directory, "offline", **run)

    def _finish(self, directory: str, summary: Mapping[str, Any], exit_code: int) -> None:
        run = self._runs.pop(directory)
        try:
            conclude(run, Path(directory), summary)
        except Exception as error:
            self._report(f"recording the results of {directory} failed: {error}")
        try:
            run.finish(exit_code)
        except TimeoutError:
            self._stay_offline(f"the upload of {directory} did not end in {FINISH_SECONDS:g} s")
        if not os.statvfs(directory).f_bavail:
            # wandb says nothing of what it could not write.
            self._report(f"the disk is full, what it recorded in {directory}/wandb is not whole; {LATER}")

    def _stay_offline(self, reason: str) -> None:
        self._online = False
        self._report(f"{reason}; offline from here on, {LATER}")


def probe(url: str) -> None:
    """Raise an OSError unless a server answers at `url`, be it with an error."""
    try:
        urllib.request.urlopen(url, timeout=PROBE_SECONDS).close()
    except urllib.error.HTTPError as answer:
        answer.close()
    except OSError as error:
        raise OSError(f"no answer from {url} ({error})") from error


def _read(lines: Iterable[str], messages: SimpleQueue[Any], recorder: Recorder) -> None:
    """Take every line at once, whatever W&B is waiting for, so that the parent never finds the pipe full."""
    for line in lines:
        message = json.loads(line)
        if not message:
            break
        messages.put(message)
    recorder.deadline = time.monotonic() + CLOSING_SECONDS
    messages.put(None)


def _take(descriptor: int, mode: str) -> IO[str]:
    """The stream behind `descriptor` as ours alone: wandb and its service, which inherit it, get nothing."""
    stream = os.fdopen(os.dup(descriptor), mode, encoding="utf-8")
    os.dup2(os.open(os.devnull, os.O_RDWR), descriptor)
    return stream


def main() -> None:
    """Record until the last message, then until everything is on disk or W&B's own limits are up."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(number, signal.SIG_IGN)  # Slurm signals all processes; this one ends when its parent does
    lines, replies = _take(0, "r"), _take(1, "w")
    messages: SimpleQueue[Any] = SimpleQueue()
    recorder = Recorder(lambda fault: print(" ".join(fault.split()), file=replies, flush=True))
    threading.Thread(target=_read, args=(lines, messages, recorder), daemon=True).start()
    with tempfile.TemporaryDirectory() as scratch:
        tempfile.tempdir = scratch  # wandb leaves folders behind when the interpreter is not taken apart
        import wandb  # only now: its 0.4 s must not keep the pipe from being read

        while (message := messages.get()) is not None:
            recorder.handle(message)
        recorder.close()
        wandb.teardown()


if __name__ == "__main__":
    main()
    os._exit(0)  # all is written, and taking the interpreter apart would keep the parent 0.3 s
