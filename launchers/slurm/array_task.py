"""What Slurm starts on a node: it has worker processes run the runs of one array task, and watches over them.

It is light and outlives what it watches: a run that crashes, is killed or outgrows the memory is tried again or
noted as failed, and the others go on. Signals and requeueing are submitit's.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import submitit
from submitit.core.submission import process_job
from submitit.core.utils import DelayedSubmission

from hypo.runs import status as run_status
from hypo.runs.lock import Claim, holder
from hypo.runs.outcome import Outcome
from launchers.packing import found
from launchers.packing.need import Machine
from launchers.pool.packed import PackedPool
from launchers.pool.pool import Pool, Task
from launchers.watching import cluster, submission
from launchers.watching.log import BEGIN, why_ended
from launchers.watching.submission import Submission

_STOP_SECONDS = 30.0
"""How long workers may take to note that they stop, after the signal that announces the end of the job."""

_EARLY_SECONDS = 65.0
"""Slurm sends that signal up to a minute earlier than it was asked to."""

_WITHOUT_A_WORD = Outcome("interrupted", "ended without a word, as when its node fails", "node failure")


@dataclass
class ArrayTask:
    """One task of array number `array` of the submission in `folder`; submitit calls and checkpoints it.

    Attributes:
        ends_after: seconds after which a signal means the time limit, and before which it means preemption.
    """

    folder: str
    array: int
    index: int
    ends_after: float
    about: Mapping[str, Any]
    log: str
    _pool: Pool | PackedPool | None = field(default=None, repr=False)
    _tasks: Sequence[Task] = field(default=(), repr=False)
    _started_at: float = field(default_factory=time.monotonic)

    def __call__(self) -> None:
        """Run all runs of the task; exits with 1 unless each of them has a result, or another process has it."""
        about = self.about
        print(f"{BEGIN} {about['restart']} of job {about['job']} on {about['node']}", file=sys.stderr, flush=True)
        self._tasks = submission.read_task(Path(self.folder), self.array, self.index)
        limits = submission.read(Path(self.folder))
        with self._workers(limits) as self._pool:
            settled: list[Outcome] = []
            todo: list[Task] = list(self._tasks)
            while todo:
                again: list[Task] = []
                ready: list[Task] = []
                for task in todo:
                    ended = self._ended_before(task, limits)
                    settled += [ended] if ended else []
                    ready += [] if ended else [self._claimed(task)]
                for task, outcome in self._pool.run(ready):
                    print(f"{task['record']['directory']}: {outcome.state} {outcome.reason or ''}", flush=True)
                    if outcome.cause == "killed":
                        again.append(task)
                        continue
                    if outcome.state == "interrupted" and (why := why_ended(Path(self.log))):
                        self._explain(task, why)
                    settled.append(outcome)
                    if outcome.state == "failed":
                        self._fail_dependents(task["record"]["directory"])
                todo = again
        sys.exit(0 if all(outcome.state in ("done", "running") for outcome in settled) else 1)

    def checkpoint(self) -> DelayedSubmission:
        """Stop in good order before the job is requeued: every epoch is on disk, and the status says why."""
        used = time.monotonic() - self._started_at
        if self._pool is not None:
            self._pool.stop(signal.SIGUSR2)
            self._pool.wait(_STOP_SECONDS)
        why = "the time limit was near" if used > self.ends_after else "Slurm announced the end of the job"
        outcome = Outcome("interrupted", why, "time-out" if used > self.ends_after else "preempted")
        for task in self._tasks:
            self._explain(task, outcome)
        return DelayedSubmission(replace(self, _pool=None, _tasks=()))

    def _workers(self, limits: Submission) -> Pool | PackedPool:
        """A worker for each run; where more runs are to be tried on a GPU, fewer to begin with."""
        gpus = _gpus()
        if not limits.arrays[self.array].tries or not gpus:
            return Pool(_environments(len(self._tasks)), _memory_limit())
        outputs, sweep = Path(self.folder).parents[3], Path(self.folder).parents[1].name
        machine = Machine(len(gpus), _cores(), _memory_limit())
        # Perhaps an earlier start of this job, or another one, has found out something since it was planned.
        packing, line = found.begin(outputs, {task["kind"] for task in self._tasks}, machine)

        def say(text: str) -> None:
            print(text, flush=True)

        say(line)
        return PackedPool(gpus, packing, say, outputs, sweep, _memory_limit())

    def _ended_before(self, task: Task, limits: Submission) -> Outcome | None:
        """How a run ended for good in an earlier start of this job, or None when it is to be begun (again)."""
        directory = Path(task["runs"]) / task["record"]["directory"]
        status = run_status.read(directory)
        mine = [attempt for attempt in status.get("attempts", []) if attempt.get("job") == self.about["job"]]
        if not mine or run_status.has_result(directory, task["record"]):
            return None
        if status.get("state") == "failed" and status.get("cause") != "killed":
            return Outcome("failed", status.get("reason"), status.get("cause"))
        self._explain(task, why_ended(Path(self.log), before_restart=self.about["restart"]) or _WITHOUT_A_WORD)
        last = run_status.read(directory)
        ends = [attempt.get("cause") for attempt in last["attempts"] if attempt.get("job") == self.about["job"]]
        if len(ends) >= limits.max_attempts:
            why = f"after {len(ends)} attempts (hydra.launcher.max_attempts)"
        elif limits.max_num_timeout is not None and ends.count("time-out") > limits.max_num_timeout:
            why = f"after {ends.count('time-out')} time limits (hydra.launcher.max_num_timeout)"
        else:
            return None
        outcome = Outcome("failed", f"given up {why}; the last: {last.get('reason')}", last.get("cause"))
        run_status.update(directory, run_status.ended(directory, outcome))
        self._fail_dependents(directory.name)
        return outcome

    def _explain(self, task: Task, outcome: Outcome) -> None:
        """Note why an attempt of this job was interrupted, which it could not know, or not say, itself."""
        directory = Path(task["runs"]) / task["record"]["directory"]
        status = run_status.read(directory)
        last = (status.get("attempts") or [{}])[-1]
        says_nothing = last.get("outcome") is None or last.get("cause") == "interrupted"
        if last.get("job") == self.about["job"] and says_nothing and status.get("state") != "done":
            last.pop("ended_at", None)
            run_status.update(directory, {"attempts": status["attempts"]})
            run_status.update(directory, run_status.ended(directory, outcome))

    def _claimed(self, task: Task) -> Task:
        """`task` with the right to fence off a holder of its run that has lost its own."""
        other = holder(Path(task["runs"]) / task["record"]["directory"] / ".lock")
        lost = "job" in other and self._has_lost(other)
        claim = Claim(takes_over=other["token"] if lost else None, about=self.about)
        return {**task, "claim": claim, "before": _WITHOUT_A_WORD}

    def _has_lost(self, other: Mapping[str, Any]) -> bool:
        """Whether a holder's job was started again, as this one, or is over: then its node is out of reach."""
        if other["job"] == self.about["job"]:
            return bool(other["restart"] < self.about["restart"])
        try:
            states = cluster.call("squeue", "-h", "-t", "all", "-j", str(other["job"]), "-o", "%T").split()
        except cluster.SlurmError:
            return True  # it does not even know the job any more
        return not cluster.ACTIVE.intersection(states)

    def _fail_dependents(self, name: str) -> None:
        """Note in the status of all that waits for the run `name` that it waits in vain; Slurm drops its job."""
        assert self._pool is not None
        outputs = Path(self.folder).parents[3]
        for earlier in submission.submissions(outputs):
            for number, array in enumerate(earlier.arrays):
                if name in array.needs:
                    for index in range(len(array.tasks)):
                        for _ in self._pool.run(submission.read_task(earlier.folder, number, index)):
                            pass


def _environments(runs: int) -> list[dict[str, str]]:
    """What sets each worker apart: its GPU of the job's, and its share of the cores."""
    gpus = _gpus()
    threads = {"OMP_NUM_THREADS": str(max(1, _cores() // runs))}
    if not gpus:
        return [threads] * runs
    return [{**threads, "CUDA_VISIBLE_DEVICES": gpus[slot % len(gpus)]} for slot in range(runs)]


def _gpus() -> list[str]:
    """Those of the job."""
    return [gpu for gpu in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if gpu]


def _cores() -> int:
    return int(os.environ.get("SLURM_CPUS_PER_TASK", 0)) or len(os.sched_getaffinity(0))


def _memory_limit() -> float | None:
    """What Slurm grants the job on this node, in bytes."""
    megabytes = float(os.environ.get("SLURM_MEM_PER_NODE", 0))
    return megabytes * 2**20 or None


def main() -> None:
    """`FOLDER ARRAY TIMEOUT_MIN SIGNAL_DELAY_S` on the command line; the rest Slurm says in the environment."""
    folder, array, timeout_min, signal_delay_s = sys.argv[1:]
    os.environ["SUBMITIT_FOLDER"] = str(submission.read(Path(folder)).logs)
    environment = submitit.JobEnvironment()
    paths = environment.paths
    task = ArrayTask(
        folder,
        int(array),
        int(os.environ["SLURM_ARRAY_TASK_ID"]),
        ends_after=60.0 * int(timeout_min) - int(signal_delay_s) - _EARLY_SECONDS,
        about={
            "job": environment.job_id,
            "restart": int(os.environ.get("SLURM_RESTART_COUNT", 0)),
            "node": os.environ.get("SLURMD_NODENAME", environment.hostname),
            "submission": Path(folder).name,
        },
        log=str(paths.stdout),
    )
    # submitit would have written this file at submission, one for each task; here it lives as long as the task.
    delayed = DelayedSubmission(task)
    delayed.set_timeout(int(timeout_min), 10**6)  # attempts are counted where a kill -9 counts too
    delayed.dump(paths.submitted_pickle)
    try:
        process_job(os.environ["SUBMITIT_FOLDER"])
    finally:
        paths.submitted_pickle.unlink(missing_ok=True)
