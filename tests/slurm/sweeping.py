"""Sweeps on a throw-away Slurm: typed, watched, struck, and compared with one that nothing happened to."""

from __future__ import annotations

import contextlib
import csv
import json
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slurm.cluster import Cluster
from slurm.daemons import processes_of
from typed_command import Typed

EPOCHS = 60  # a few seconds of training: long enough to be struck far from the end
SMALL = (f"recipe.epochs={EPOCHS}", "tracking=disabled")
ON_SLURM = (
    "hydra/launcher=slurm",
    "hydra.launcher.gpus_per_node=0",
    "hydra.launcher.cpus_per_task=1",
    "hydra.launcher.mem_gb=1",
)
# For what ends by itself, however busy the machine is; a failure costs this long, nothing else does.
PATIENCE = 240


@dataclass(frozen=True)
class Sweep:
    """What is submitted to `cluster` from `folder`, where its outputs lie.

    Attributes:
        type: runs `python -m hypo.run -m` in `folder` with further arguments.
    """

    cluster: Cluster
    folder: Path
    type: Callable[..., Typed]

    def submit(self, *arguments: str) -> str:
        """Type the sweep with `arguments`, those of a small run on Slurm before them; returns what it prints."""
        typed = self.type(*SMALL, *ON_SLURM, *arguments)
        assert typed.code == 0, typed.out + typed.err
        return typed.out

    def run(self, seed: int = 0) -> Path:
        """The directory of the run with `seed`, which need not be there yet."""
        (records,) = (self.folder / "outputs" / "sweeps").glob("*/runs.jsonl")
        names = [json.loads(line)["directory"] for line in records.read_text().splitlines()]
        (name,) = [name for name in names if f"-s{seed}-" in name]
        return self.folder / "outputs" / "runs" / str(name)

    def wait_for_epoch(self, epoch: int, seed: int = 0) -> None:
        """Wait until the run with `seed` is running and has left that epoch behind; or a later one."""

        def is_there() -> bool:
            now = status(self.run(seed))
            assert now.get("state") not in ("failed", "done"), now
            return now.get("state") == "running" and now.get("epoch", 0) >= epoch

        self.wait_for(is_there, f"epoch {epoch} of seed {seed}")

    def wait_for_result(self, seed: int = 0) -> None:
        """Wait until the run with `seed` has ended, and has been measured."""
        self.wait_for(lambda: status(self.run(seed)).get("state") == "done", f"the result of seed {seed}")

    def hold(self, seed: int = 0) -> int:
        """Let the run with `seed` train three epochs (more), then stop its process, and return its id.

        So it cannot end before it is struck. SIGCONT lets it go on; Slurm sends that too before it ends a job.
        """
        self.wait_for_epoch(status(self.run(seed)).get("epoch", 0) + 3, seed)
        worker = int(status(self.run(seed))["pid"])
        os.kill(worker, signal.SIGSTOP)
        return worker

    def wait_for_attempt(self, number: int, seed: int = 0) -> None:
        """Wait until the run with `seed` is begun for the `number`-th time; jobs start without delay."""

        def is_begun() -> bool:
            self.start_now()
            return len(attempts(self.run(seed))) >= number

        self.wait_for(is_begun, f"attempt {number} of seed {seed}")

    def wait_until_over(self) -> None:
        """Wait until the queue is empty; jobs that were put back into it start without delay."""

        def is_over() -> bool:
            self.start_now()
            return not self.cluster.call("squeue", "-h")

        self.wait_for(is_over, "the queue to be empty")

    def wait_for(self, condition: Callable[[], bool], what: str) -> None:
        """Wait for a condition that holds sooner or later."""
        self.cluster.wait_for(condition, PATIENCE, what)

    def start_now(self) -> None:
        """Spare queued jobs their delay."""
        with contextlib.suppress(RuntimeError):  # one began in between
            self.cluster.start_now()

    def job(self, seed: int = 0) -> str:
        """The id of the job that has the run with `seed`."""
        return str(attempts(self.run(seed))[-1]["job"])

    def log(self, seed: int = 0) -> str:
        """What Slurm, the batch script and the task say of the job that has the run with `seed`."""
        (path,) = (self.folder / "outputs" / "sweeps").glob(f"*/submissions/*/logs/{self.job(seed)}_0_log.out")
        return path.read_text()

    def wait_for_requeue(self) -> None:
        """Wait until a job that has run is back in the queue, where it stays until it is told to start."""
        self.wait_for(lambda: "PENDING" in self.job_states(), "a job to be requeued")

    def job_states(self) -> list[str]:
        """The states of all jobs that were submitted for the sweep, in the order of submission."""
        submissions = sorted((self.folder / "outputs" / "sweeps").glob("*/submissions/*/submission.json"))
        arrays = [array["job"] for path in submissions for array in json.loads(path.read_text())["arrays"]]
        jobs = [job for job in self.cluster.jobs() if job["array_id"] in arrays]
        return [job["state"] for job in sorted(jobs, key=lambda job: (int(job["array_id"]), int(job["task_id"])))]


def status(run: Path) -> dict[str, Any]:
    """status.json; empty where there is none yet."""
    try:
        return dict(json.loads((run / "status.json").read_text()))
    except FileNotFoundError:
        return {}


def attempts(run: Path) -> list[dict[str, Any]]:
    """How a run was begun, each time."""
    return list(status(run).get("attempts", []))


def causes(run: Path) -> list[str | None]:
    """Why each attempt ended; None for the one that ended well, and for one that has not ended."""
    return [attempt.get("cause") for attempt in attempts(run)]


def history(run: Path) -> list[dict[str, str]]:
    """history.csv; empty where there is none yet."""
    try:
        with (run / "history.csv").open(newline="") as file:
            return list(csv.DictReader(file))
    except FileNotFoundError:
        return []


def kill_worker(run: Path) -> list[dict[str, str]]:
    """Kill the process that works on a run, and no other; returns the history that it leaves."""
    worker = status(run)["pid"]
    os.kill(worker, signal.SIGSTOP)
    left = history(run)
    os.kill(worker, signal.SIGKILL)
    return left


def kill_tasks(cluster: Cluster) -> None:
    """Kill all that srun has started for the jobs: the task of each, and its workers; not the batch script."""
    for process in sorted(processes_of(cluster.folder, only_jobs=True)):
        with contextlib.suppress(OSError):  # ended in between
            if b"SLURM_STEP_ID=" in Path(f"/proc/{process}/environ").read_bytes():
                os.kill(process, signal.SIGKILL)


def kill_jobs(cluster: Cluster) -> None:
    """Kill all that runs of the jobs, and those first who would report how it ended."""
    of_jobs = processes_of(cluster.folder, only_jobs=True)
    for process in processes_of(cluster.folder):
        with contextlib.suppress(OSError):
            if Path(f"/proc/{process}/comm").read_text().startswith("slurmstepd"):
                os.kill(process, signal.SIGKILL)
    for process in of_jobs:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)


def assert_undisturbed(run: Path, reference: Path) -> None:
    """Whether a run has left byte for byte what it leaves when nothing happens to it."""
    undisturbed = reference / run.name
    for name in ("result.json", "model.safetensors", "examples.parquet"):
        assert (run / name).read_bytes() == (undisturbed / name).read_bytes(), name
    assert [_without_time(row) for row in history(run)] == [_without_time(row) for row in history(undisturbed)]
    assert len(history(run)) == EPOCHS
    assert status(run)["state"] == "done"


def assert_continued(run: Path, before: list[dict[str, str]]) -> None:
    """Whether the epochs of a history were not trained again: their times are still those of the first time."""
    assert before
    assert history(run)[: len(before)] == before


def _without_time(row: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in row.items() if name not in ("seconds", "images_per_second", "tflops")}
