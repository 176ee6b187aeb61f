"""`hydra/launcher=slurm` typed again, refused, and waited for, on a Slurm that does nothing."""

from __future__ import annotations

from datetime import datetime
from types import SimpleNamespace

import pytest
from fake_slurm import FakeSlurm, option
from slurm_launch import Launch

from hypo.runs import status as run_status
from launchers.slurm import launch as slurm_launch
from launchers.watching.moment import planned_sweep


def test_a_dry_run_of_a_sweep_at_work_counts_what_is_queued(slurm: FakeSlurm, launch: Launch) -> None:
    launch("seed=0,1,2")
    one, other, last = slurm.tasks
    slurm.show((one, "RUNNING"), (other, "PENDING"), (last, "CANCELLED"))
    run_status.create(launch.directory(0), {}, "")
    before = launch.files
    typed = launch("seed=0,1,2", "hydra.launcher.dry_run=true")
    assert "3 jobs, 0 done, 0 running, 2 queued, 1 to run" in typed.out  # it runs once the run itself says so
    assert launch.files == before
    assert len(slurm.scripts) == 1


@pytest.mark.parametrize("state", ["PENDING", "CONFIGURING", "RUNNING", "COMPLETING", "SUSPENDED", "REQUEUE_HOLD"])
def test_the_same_command_again_submits_nothing_of_what_slurm_has(
    slurm: FakeSlurm, launch: Launch, state: str
) -> None:
    launch("seed=0,1,2")
    slurm.show_all(state)
    again = launch("seed=0,1,2")
    assert again.code == 0
    assert "3 queued, 0 to run" in again.out
    assert len(slurm.scripts) == 1


def test_a_larger_sweep_submits_what_no_other_sweep_has_submitted(slurm: FakeSlurm, launch: Launch) -> None:
    launch("seed=0,1,2")
    slurm.show_all("PENDING")
    larger = launch("seed=0,1,2,3,4")
    assert "5 jobs, 0 done, 0 running, 3 queued, 2 to run" in larger.out
    assert option(slurm.scripts[1], "array") == "0-1%2"


def test_what_left_the_queue_without_a_result_is_submitted_again(slurm: FakeSlurm, launch: Launch) -> None:
    launch("seed=0,1,2")
    one, other, last = slurm.tasks
    slurm.show((one, "PENDING"), (other, "CANCELLED"), (last, "FAILED"))
    again = launch("seed=0,1,2")
    assert "1 queued, 2 to run, 1 of those to run again" in again.out
    assert option(slurm.scripts[1], "array") == "0-1%2"
    failures_left = launch("seed=0,1,2", "hydra.launcher.retry_failed=false", "hydra.launcher.dry_run=true")
    assert "1 queued, 2 to run" in failures_left.out  # submitted again meanwhile, and nobody knows of these jobs


def test_of_two_launches_in_one_second_the_later_one_counts(
    slurm: FakeSlurm, launch: Launch, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = iter([datetime(2026, 1, 1, 12, 0, 0, microsecond) for microsecond in (9, 200000)])
    falling = iter(("bbbbbb", "aaaaaa"))  # against the order of time
    monkeypatch.setattr(slurm_launch, "datetime", SimpleNamespace(now=lambda _: next(times)))
    monkeypatch.setattr(slurm_launch, "secrets", SimpleNamespace(token_hex=lambda _: next(falling)))
    launch("seed=0")
    slurm.show_all("FAILED")
    launch("seed=0")  # whose job Slurm does not know
    left = launch("seed=0", "hydra.launcher.retry_failed=false", "hydra.launcher.dry_run=true")
    assert "0 queued, 1 to run, 0 failed before" in left.out


def test_failed_cells_are_left_when_that_was_asked_for(slurm: FakeSlurm, launch: Launch) -> None:
    launch("seed=0,1,2")
    directory = launch.directory(1)
    run_status.create(directory, {}, "")
    run_status.update(directory, {"state": "failed", "reason": "diverged", "cause": "diverged"})
    slurm.show((slurm.tasks[0], "PENDING"), (slurm.tasks[2], "PENDING"))
    left = launch("seed=0,1,2", "hydra.launcher.retry_failed=false")
    assert "2 queued, 0 to run, 1 failed before" in left.out
    assert len(slurm.scripts) == 1
    again = launch("seed=0,1,2")
    assert "2 queued, 1 to run, 1 of those to run again" in again.out


def test_when_slurm_does_not_answer_nothing_is_submitted_twice(slurm: FakeSlurm, launch: Launch) -> None:
    launch("seed=0,1,2")
    slurm.fail("squeue", "slurm_load_jobs error: Unable to contact slurm controller\n")
    again = launch("seed=0,1,2")
    assert "3 queued, 0 to run" in again.out
    assert len(slurm.scripts) == 1


def test_a_refusal_in_the_middle_keeps_what_was_submitted(slurm: FakeSlurm, launch: Launch) -> None:
    slurm.configure(max_array_size=2)
    slurm.refuse(
        "sbatch: error: QOSMaxSubmitJobPerUserLimit\nsbatch: error: Batch job submission failed\n", after=1
    )
    refused = launch("seed=0,1,2,3,4")
    assert refused.code == 2
    assert refused.err == (
        "error: hydra/launcher=slurm: sbatch: QOSMaxSubmitJobPerUserLimit; Batch job submission failed "
        "(1 of 3 arrays were submitted)\n"
    )
    assert "  array 0 is job 100" in refused.out.splitlines()
    _, record = launch.submission
    assert [(array["job"], array["tasks"]) for array in record["arrays"]] == [
        ("100", [[name] for name in launch.names[:2]])
    ]
    slurm.show_all("PENDING")
    slurm.accept()
    rest = launch("seed=0,1,2,3,4")
    assert rest.code == 0
    assert "2 queued, 3 to run" in rest.out
    slurm.show_all("PENDING")
    assert "5 queued, 0 to run" in launch("seed=0,1,2,3,4").out


def test_a_refusal_at_once_leaves_nothing_to_wait_for(slurm: FakeSlurm, launch: Launch) -> None:
    slurm.refuse("sbatch: error: Invalid generic resource (gres) specification\n")
    refused = launch("seed=0,1")
    assert refused.code == 2
    assert refused.err == "error: hydra/launcher=slurm: sbatch: Invalid generic resource (gres) specification\n"
    slurm.accept()
    assert "2 to run" in launch("seed=0,1", "hydra.launcher.gpus_per_node=0").out


def test_a_prerequisite_that_an_earlier_launch_submitted_is_waited_for(slurm: FakeSlurm, launch: Launch) -> None:
    launch("defense=standard", "seed=0")
    slurm.show_all("PENDING")
    typed = launch("training_data=poisoning", "seed=0,1")
    assert "1 queued, 2 to run, 1 needed by others first" in typed.out
    _, dependents = slurm.scripts
    assert option(dependents, "dependency") == "afterok:100_0"
    assert option(dependents, "array") == "0-1%2"


def test_waiting_ends_with_the_table_and_tells_what_has_no_result(
    slurm: FakeSlurm, launch: Launch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slurm_launch, "_POLL_SECONDS", 0.0)
    # The controller is away at the first question, and knows of no job at the second one.
    (slurm.bin / "squeue").write_text(
        f"#!/bin/sh\ncd '{slurm.folder}' || exit 3\necho asked >> calls; [ $(wc -l < calls) -gt 1 ]\n"
    )
    typed = launch("seed=0,1", "hydra.launcher.wait=true")
    assert typed.code == 1
    assert len(slurm.calls) == 2
    lines = typed.out.splitlines()
    gone = "cancelled before it began, or forgotten by Slurm"
    for number in (1, 2):
        (line,) = (line for line in lines if line.startswith(f"{number:>3} of 2  digits-mlp-"))
        assert line.endswith(f"missing: {gone}")
    assert lines[-1].startswith("The curve lies in ")


def test_runs_of_an_earlier_version_are_told_of_before_anything_runs(slurm: FakeSlurm, launch: Launch) -> None:
    """Typed for Slurm, in a row, and alone."""
    old = launch.folder / "outputs" / "runs" / "old"
    old.mkdir(parents=True)
    (old / "config.yaml").write_text("schema: 1\n")
    line = "outputs/runs has runs of an earlier version"
    short = ("recipe.epochs=1", "recipe.train_limit=60", "evaluation.test_limit=50", "tracking=disabled")
    assert line in launch(*short).out
    slurm.show_all("FAILED")
    assert line in launch.type("-m", *short, "seed=1").out
    assert line in launch.type(*short).out
    assert line not in launch.type(*short).out, "there is nothing to do any more"


def test_what_a_finished_run_has_not_been_measured_for_is_submitted(slurm: FakeSlurm, launch: Launch) -> None:
    short = ("recipe.epochs=1", "recipe.train_limit=60", "evaluation.test_limit=50", "tracking=disabled")
    assert launch.type(*short).code == 0
    assert "1 done, 0 running, 0 queued, 0 to run" in launch(*short).out
    more = (*short, "measurement=[targeted,pictures]")
    assert "1 to run, 1 of those to run again, 1 of those only to be measured" in launch(*more).out
    assert len(slurm.scripts) == 1
    (file,) = launch.folder.glob("outputs/sweeps/*/sweep.json")
    sweep = file.parent
    slurm.show_all("FAILED")
    (cell,) = planned_sweep(sweep).now().cells.values()
    assert cell.state in ("failed", "interrupted")
    assert launch.type(*more).code == 0
    (cell,) = planned_sweep(sweep).now().cells.values()
    assert cell.state == "done"
    assert "1 done, 0 running, 0 queued, 0 to run" in launch(*more).out
    assert "1 done, 0 running, 0 queued, 0 to run" in launch(*short).out
