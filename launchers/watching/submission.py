"""What was handed to Slurm: a folder for each submission, with the frozen configs its jobs read.

`outputs/sweeps/<sweep id>/submissions/<submission id>/` holds submission.json, for each array `<n>.jsonl` with a
line for each of its tasks, the batch scripts, Slurm's logs, and perhaps the code. Each submission has a
folder of its own, because job ids come again when a cluster is rebuilt.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from hypo.runs import sweep as sweep_directory
from hypo.runs.atomic import write_atomically
from hypo.settings.identity import SCHEMA


@dataclass(frozen=True)
class Array:
    """One job array.

    Attributes:
        name: what Slurm calls its jobs; no other array has this name.
        job: its id, None until sbatch has answered.
        tasks: for each task the names of the run directories it works on.
        needs: the runs that all of these need first.
        tries: whether its tasks find out how many of their runs share a GPU, or begin all at once.
    """

    name: str
    job: str | None
    tasks: Sequence[Sequence[str]]
    needs: Sequence[str]
    tries: bool = False


@dataclass(frozen=True)
class Submission:
    """One launch.

    Attributes:
        folder: with everything in it; logs: where Slurm writes.
        created_at: ISO 8601, UTC.
        max_attempts, max_num_timeout: how often its jobs begin a run, and go on after a time limit.
    """

    folder: Path
    logs: Path
    created_at: str
    max_attempts: int
    max_num_timeout: int | None
    arrays: Sequence[Array]

    def write(self) -> None:
        """Write submission.json."""
        content = {"schema": SCHEMA, **asdict(self), "folder": str(self.folder), "logs": str(self.logs)}
        write_atomically(self.folder / "submission.json", (json.dumps(content, indent=1) + "\n").encode())

    def log(self, array: Array, index: int) -> Path | None:
        """Where Slurm writes what a task of an array prints."""
        return None if array.job is None else self.logs / f"{array.job}_{index}_0_log.out"


def read(folder: Path) -> Submission:
    """The submission in a folder; OSError, ValueError, KeyError or TypeError when it cannot be read."""
    content = json.loads((folder / "submission.json").read_text())
    arrays = tuple(Array(**array) for array in content["arrays"])
    limits = (content["max_attempts"], content["max_num_timeout"])
    return Submission(folder, Path(content["logs"]), content["created_at"], *limits, arrays)


def submissions(outputs: Path) -> Iterator[Submission]:
    """All submissions of all sweeps in `outputs`, the oldest first: a run may be part of several sweeps."""
    for path in sorted(
        (outputs / "sweeps").glob("*/submissions/*/submission.json"), key=lambda path: path.parts[-2]
    ):
        try:
            yield read(path.parent)
        except (OSError, ValueError, KeyError, TypeError):
            continue  # it was cut short; what it had submitted finds its runs in its own files


def write_tasks(folder: Path, array: int, tasks: Sequence[Sequence[Mapping[str, Any]]]) -> None:
    """Write what the tasks of an array are given."""
    sweep_directory.write_records(folder / f"{array}.jsonl", tasks)


def read_task(folder: Path, array: int, index: int) -> list[dict[str, Any]]:
    """What one task of an array is given: tasks for `hypo.command_line.worker`."""
    (task,) = islice(sweep_directory.read_records(folder / f"{array}.jsonl"), index, index + 1)
    return list(task)
