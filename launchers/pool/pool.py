"""Worker processes on this machine, each running one task after the other; a crash costs one run.

This module stays light: whoever watches over a job must not be what runs out of memory.
"""

from __future__ import annotations

import multiprocessing
import os
import re
import signal
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import suppress
from multiprocessing import forkserver
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import Any

import hypo
from hypo.runs import status as run_status
from hypo.runs.outcome import STOPPED, Outcome
from hypo.settings.errors import InputError

Task = Mapping[str, Any]
"""What `hypo.command_line.worker` takes."""

_NEARLY_ALL = 0.9
"""The share of the memory limit at which a process that was killed is taken to have been too large."""

_LOOK_SECONDS = 1.0


def warm_up() -> None:
    """Begin to import what workers need, in a process of its own, from which they are then forked."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["launchers.pool.preload"])
    here = str(Path(hypo.__file__).parents[1])
    if here not in os.environ.get("PYTHONPATH", "").split(os.pathsep):
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [here, os.environ.get("PYTHONPATH")]))
    forkserver.ensure_running()


class Pool:
    """One worker process for each of `environments`, the variables that set it apart from this process.

    A worker is started with its first task and serves until the pool is left. One that dies is replaced.
    """

    def __init__(self, environments: Sequence[Mapping[str, str]], memory_limit: float | None = None) -> None:
        """`memory_limit`, in bytes, is what the processes of this job may use, where something sees to that."""
        warm_up()
        self._free = list(environments)
        self._memory_limit = memory_limit
        self._workers: list[_Worker] = []
        self._own = threading.local()
        self._stopping = False
        self._threads = ThreadPoolExecutor(max(1, len(environments)), initializer=self._start)

    def __enter__(self) -> Pool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self.stop(signal.SIGINT)
        self._threads.shutdown()
        for worker in self._workers:
            worker.close()

    def run(self, tasks: Sequence[Task]) -> Iterator[tuple[Task, Outcome]]:
        """Run `tasks` and yield each as it finishes."""
        futures = {self.submit(task): task for task in tasks}
        for future in as_completed(futures):
            yield futures[future], future.result()

    def submit(self, task: Task) -> Future[Outcome]:
        """Have `task` run as soon as a worker is free."""
        return self._threads.submit(self._attempt, task)

    def stop(self, number: signal.Signals) -> None:
        """Have all workers note in the status of their run that they were interrupted, and end."""
        self._stopping = True  # what has not begun by now ends at once
        for worker in self._workers:
            worker.signal(number)

    def wait(self, seconds: float) -> None:
        """Wait until all workers have ended; one that has not after `seconds` is killed."""
        deadline = time.monotonic() + seconds
        for worker in self._workers:
            worker.wait(deadline)

    def _start(self) -> None:
        """Called once in each thread: its worker."""
        self._own.worker = _Worker(self._free.pop(), self._memory_limit)
        self._workers.append(self._own.worker)

    def _attempt(self, task: Task) -> Outcome:
        if self._stopping:
            return Outcome("interrupted", "the sweep was interrupted", "interrupted")
        outcome: Outcome = self._own.worker.attempt(task)
        return outcome


class _Worker:
    """One `hypo.command_line.worker`, started when it is first needed."""

    def __init__(self, environment: Mapping[str, str], memory_limit: float | None) -> None:
        self._environment, self._memory_limit = environment, memory_limit
        self._process: multiprocessing.process.BaseProcess | None = None
        self._connection: Connection | None = None
        self._signalled: signal.Signals | None = None
        self._peak = 0.0

    def attempt(self, task: Task) -> Outcome:
        """Have the process run `task` and wait for it."""
        connection = self._connected()
        try:
            connection.send(task)
            while not connection.poll(_LOOK_SECONDS):
                self._weigh()
                if self._signalled is not None:
                    self.signal(self._signalled)
            answer = connection.recv()
        except (EOFError, OSError):
            answer = ""
        return answer if isinstance(answer, Outcome) else self._died(task, answer)

    def signal(self, number: signal.Signals) -> None:
        """Send the process a signal; again until it ends, because one that is just starting ignores it."""
        self._signalled = number
        if self._process is not None and self._process.pid is not None and self._process.is_alive():
            os.kill(self._process.pid, number)

    def wait(self, deadline: float) -> None:
        """Wait until the process, if there is one, has ended; kill it at `deadline` (of time.monotonic)."""
        while (process := self._process) is not None and process.is_alive():
            if time.monotonic() > deadline:
                process.kill()
            time.sleep(0.05)

    def close(self) -> int:
        """Let the process end, now that there is nothing more to do; returns its exit code."""
        process, connection = self._process, self._connection
        self._process = self._connection = None
        if process is None or connection is None:
            return 0
        connection.close()
        process.join()
        return process.exitcode or 0

    def _connected(self) -> Connection:
        if self._connection is None:
            context = multiprocessing.get_context("forkserver")
            self._connection, theirs = context.Pipe()
            self._process = context.Process(target=_begin, args=(theirs, dict(self._environment)))
            self._peak = 0.0
            self._process.start()
            theirs.close()
        return self._connection

    def _weigh(self) -> None:
        """Remember the most memory that the process has had: when it is killed, it is too late to ask."""
        assert self._process is not None
        try:
            text = Path(f"/proc/{self._process.pid}/status").read_text()
        except OSError:
            return
        if found := re.search(r"VmHWM:\s*(\d+) kB", text):
            self._peak = 1024.0 * int(found[1])

    def _died(self, task: Task, last_words: str) -> Outcome:
        """The process ended without an outcome: say why, in the status too, which it could not write."""
        assert self._process is not None
        pid = self._process.pid
        code = self.close()
        directory = Path(task["runs"]) / task["record"]["directory"]
        if code == STOPPED:
            return Outcome("interrupted", "interrupted by the user", "interrupted")
        if run_status.has_result(directory, task["record"]):
            return Outcome("done")  # it had only not yet said so
        outcome = self._post_mortem(code, last_words)
        with suppress(InputError, OSError):  # where not even that can be noted, the other runs go on
            run_status.create(directory, task["record"]["config"], task["record"]["command"])
            status = run_status.read(directory)
            if status.get("state") != "running" or status.get("pid") == pid:  # else the run is another's by now
                run_status.update(directory, run_status.ended(directory, outcome))
        return outcome

    def _post_mortem(self, code: int, last_words: str) -> Outcome:
        told = self._signalled or (signal.Signals(-code) if -code in (signal.SIGTERM, signal.SIGUSR2) else None)
        if told is not None:
            return Outcome("interrupted", f"ended by {told.name}", "interrupted")
        if code >= 0:
            return Outcome("failed", f"the worker exited with {code}: {last_words}".rstrip(": "), "error")
        if code == -signal.SIGKILL and self._peak > _NEARLY_ALL * (self._memory_limit or float("inf")):
            used, limit = self._peak / 1e9, (self._memory_limit or 0) / 1e9
            return Outcome("failed", f"out of memory: killed at {used:.1f} of {limit:.1f} GB", "out of memory")
        return Outcome("failed", f"killed by {signal.Signals(-code).name}", "killed")


def _begin(connection: Connection, environment: Mapping[str, str]) -> None:
    """What a worker does first."""
    os.setsid()  # Ctrl-C reaches the launcher alone, which passes it on
    os.environ.update(environment)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)
    try:
        import torch

        from hypo.command_line.worker import serve

        # The environment is read when torch is imported, which has happened before the fork.
        torch.set_num_threads(int(environment.get("OMP_NUM_THREADS", torch.get_num_threads())))
    except Exception as error:
        connection.send(f"{type(error).__name__}: {error}")
        sys.exit(1)
    serve(connection)
