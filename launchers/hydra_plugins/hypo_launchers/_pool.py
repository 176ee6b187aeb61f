"""Worker processes on this machine, each running one job after the other; a crash costs one job."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field

from hydra_plugins.hypo_launchers._sweep import is_done

from hypo.job import Job, Outcome


@dataclass
class Pool:
    """One worker process for each of `environments`, the variables that set it apart from this process.

    A worker is started with its first job and serves until the pool is done, so that what it imports is paid
    for once. One that dies is replaced.
    """

    environments: Sequence[Mapping[str, str]]
    _free: list[Mapping[str, str]] = field(default_factory=list)
    _workers: list[_Worker] = field(default_factory=list)
    _own: threading.local = field(default_factory=threading.local)
    _stopping: bool = False

    def run(self, jobs: Sequence[Job], group: str) -> Iterator[tuple[Job, Outcome]]:
        """Run `jobs`, which have been created, and yield each as it finishes.

        When the iteration is interrupted, every worker notes it in its run's status before it ends.
        """
        self._free = list(self.environments)
        threads = ThreadPoolExecutor(max(1, len(self.environments)), initializer=self._start)
        try:
            futures = {threads.submit(self._attempt, job, group): job for job in jobs}
            for future in as_completed(futures):
                yield futures[future], future.result()
        except BaseException:
            self._stopping = True
            threads.shutdown(wait=False, cancel_futures=True)
            for worker in self._workers:
                worker.interrupt()
            raise
        finally:
            threads.shutdown()
            for worker in self._workers:
                worker.close()

    def _start(self) -> None:
        """Called once in each thread: its worker."""
        self._own.worker = _Worker(self._free.pop())
        self._workers.append(self._own.worker)

    def _attempt(self, job: Job, group: str) -> Outcome:
        if self._stopping:
            return Outcome("queued", "the sweep was interrupted")
        outcome: Outcome = self._own.worker.attempt(job, group)
        return outcome


class _Worker:
    """One `python -m hypo.worker`, started when it is first needed."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._process: subprocess.Popen[str] | None = None

    def attempt(self, job: Job, group: str) -> Outcome:
        """Have the process run `job` and wait for it."""
        process = self._running()
        assert process.stdin is not None
        assert process.stdout is not None
        task = {"run": str(job.directory.path.resolve()), "group": group}
        try:
            process.stdin.write(json.dumps(task) + "\n")
            process.stdin.flush()
            answer = process.stdout.readline()
        except BrokenPipeError:
            answer = ""
        return Outcome(**json.loads(answer)) if answer else self._died(job)

    def interrupt(self) -> None:
        """Have the process stop at once, with a note in the status of its run."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)

    def close(self) -> int:
        """Let the process end, now that there is nothing more to do; returns its exit code."""
        process, self._process = self._process, None
        if process is None:
            return 0
        process.communicate()
        return process.returncode

    def _running(self) -> subprocess.Popen[str]:
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "hypo.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                env={**os.environ, **self._environment},
                start_new_session=True,  # Ctrl-C reaches this process alone, which passes it on
            )
        return self._process

    def _died(self, job: Job) -> Outcome:
        """The process ended without an answer: say why, in the status too, which it could not write."""
        code = self.close()
        reason = f"killed by {signal.Signals(-code).name}" if code < 0 else f"the worker exited with {code}"
        if code == 130:
            return Outcome("interrupted", "interrupted by the user")
        if is_done(job):
            return Outcome("done")  # it had only not yet said so
        job.directory.update_status(state="failed", reason=reason)
        return Outcome("failed", reason)
