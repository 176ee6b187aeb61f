"""Why a job ended, from what Slurm wrote into its log, or into the file beside it that takes the errors."""

from __future__ import annotations

from pathlib import Path

import pytest

from launchers.watching.log import BEGIN, KILLED, of_state, printed, why_ended

AT = "ON n1 CANCELLED AT 2026-01-01T00:00:00"


def begin(restart: int) -> str:
    return f"{BEGIN} {restart} of job 7_0 on n1"


@pytest.fixture(params=["log.out", "log.err"], ids=["in one file", "in two"])
def slurm_writes(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Where Slurm writes; what the job prints is always log.out."""
    (tmp_path / "log.out").write_text("a-run: interrupted\n")
    return tmp_path / str(request.param)


@pytest.mark.parametrize(
    ("said", "cause"),
    [
        (f"slurmstepd: error: *** JOB 7 {AT} DUE TO TIME LIMIT ***", "time-out"),
        (f"slurmstepd: error: *** JOB 7 {AT} DUE TO PREEMPTION ***", "preempted"),
        (f"slurmstepd: error: *** STEP 7.0 {AT} DUE TO JOB REQUEUE ***", "preempted"),
        (f"slurmstepd: error: *** JOB 7 {AT} DUE TO NODE FAILURE ***", "node failure"),
        (f"slurmstepd-n1: error: *** JOB 7 {AT} ***", "cancelled"),
        ("srun: error: Node failure on n1", "node failure"),
        (KILLED, "killed"),
    ],
)
def test_slurm_says_why(slurm_writes: Path, said: str, cause: str) -> None:
    with slurm_writes.open("a") as log:
        log.write(f"{begin(0)}\nsomething\n{said}\nsrun: error: n1: task 0: Exited with exit code 1\n")
    ended = why_ended(slurm_writes.with_suffix(".out"))
    assert ended is not None
    assert (ended.state, ended.cause) == ("interrupted", cause)


@pytest.mark.parametrize("said", ["", f"*** JOB 7 {AT} DUE TO SOMETHING NEW ***", "CANCELLED AT once"])
def test_what_is_not_said_is_not_made_up(slurm_writes: Path, said: str) -> None:
    with slurm_writes.open("a") as log:
        log.write(f"{begin(0)}\n{said}\n")
    assert why_ended(slurm_writes.with_suffix(".out")) is None


def test_each_start_of_a_job_has_its_own_end(slurm_writes: Path) -> None:
    with slurm_writes.open("a") as log:
        log.write(f"{begin(0)}\n*** JOB 7 {AT} DUE TO TIME LIMIT ***\n")
        log.write(f"{begin(1)}\n*** JOB 7 {AT} DUE TO PREEMPTION ***\n{begin(2)}\n")
    log_of_job = slurm_writes.with_suffix(".out")
    assert why_ended(log_of_job) is None
    before = why_ended(log_of_job, before_restart=2)
    assert before is not None
    assert before.cause == "preempted"


def test_a_start_that_came_to_nothing_leaves_the_one_before_it_the_last(slurm_writes: Path) -> None:
    """The second start ended before Python could say that it had begun."""
    with slurm_writes.open("a") as log:
        log.write(f"{begin(0)}\n*** JOB 7 {AT} DUE TO PREEMPTION ***\n")
    before = why_ended(slurm_writes.with_suffix(".out"), before_restart=2)
    assert before is not None
    assert before.cause == "preempted"


def test_errors_are_told_last(slurm_writes: Path) -> None:
    with slurm_writes.open("a") as log:
        log.write("ModuleNotFoundError: No module named 'hypo'\n")
    assert printed(slurm_writes.with_suffix(".out")) == [
        "a-run: interrupted",
        "ModuleNotFoundError: No module named 'hypo'",
    ]


def test_a_job_that_printed_nothing_said_nothing(tmp_path: Path) -> None:
    assert printed(tmp_path / "log.out") == []
    assert why_ended(tmp_path / "log.out") is None


@pytest.mark.parametrize(
    ("state", "cause"),
    [
        ("TIMEOUT", "time-out"),
        ("OUT_OF_MEMORY", "out of memory"),
        ("NODE_FAIL", "node failure"),
        ("CANCELLED", "cancelled"),
        ("FAILED", None),
        ("COMPLETED", None),
    ],
)
def test_a_state_says_more_than_that_a_job_failed_or_nothing(state: str, cause: str | None) -> None:
    ended = of_state(state)
    assert (ended.cause if ended else None) == cause
