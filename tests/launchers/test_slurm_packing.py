"""`runs_per_gpu=auto` on Slurm: what is known is planned with, what is not is found out by a job."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from fake_slurm import FakeSlurm, option
from slurm_launch import Launch
from small_jobs import THRM
from small_jobs import job as small_job
from small_models import small_experiment, small_recipe

from hypo.jobs.job import Job
from launchers.packing import found
from launchers.packing.need import Machine, Need
from launchers.packing.policy import Packing
from launchers.planning import estimate
from launchers.planning.sweep import Sweep
from launchers.slurm.array_task import ArrayTask
from launchers.slurm.plan import Plan
from launchers.slurm.settings import read
from launchers.watching import submission
from launchers.watching.cells import Cell
from launchers.watching.submission import Submission

AUTO = {"runs_per_gpu": "auto", "gpus_per_node": 1, "cpus_per_task": 8}
BEGIN = "1 run a GPU to begin with (hydra.launcher.runs_per_gpu=auto)"


@pytest.fixture
def jobs(tmp_path: Path) -> list[Job]:
    return [small_job(tmp_path, small_experiment(THRM, seed=seed)) for seed in range(10)]


@pytest.fixture
def longer(tmp_path: Path) -> list[Job]:
    """Of another kind."""
    recipe = small_recipe(epochs=9)
    return [small_job(tmp_path, small_experiment(THRM, recipe=recipe, seed=seed)) for seed in range(6)]


def plan(jobs: Sequence[Job], **settings: Any) -> Plan:
    cells = {job.run_id: Cell(job.name, job.command, "missing") for job in jobs}
    return Plan(Sweep(tuple(jobs), tuple(cells)), read({**AUTO, **settings}), cells, 1001)


def sizes(planned: Plan) -> list[list[int]]:
    """How many runs the jobs of each array have."""
    return [[len(task) for task in array.tasks] for array in planned.arrays]


def keep(job: Job, runs: int, is_final: bool = True, need: Need | None = None) -> None:
    packing = Packing(Machine(1, 8), runs, is_final, is_final, 1.62)
    kind = estimate.kind(job.config)
    found.keep(job.runs.parent, [kind], packing, need or Need("Pretend"), "2b6d58fbe58b")


def test_the_first_job_tries_more_where_nothing_is_known(jobs: Sequence[Job]) -> None:
    planned = plan(jobs)
    assert sizes(planned) == [[4, 1, 1, 1, 1, 1, 1]]
    assert planned.arrays[0].tries
    assert f"  {BEGIN}; the first job of an array tries more" in planned.lines()


def test_what_is_known_is_planned_with(jobs: Sequence[Job]) -> None:
    keep(jobs[0], 3)
    planned = plan(jobs)
    assert sizes(planned) == [[3, 3, 3, 1]]
    assert not planned.arrays[0].tries
    line = "3 runs a GPU, as sweep 2b6d58fbe58b found (1.62 × the images a second of one; Pretend)"
    assert f"  {line}" in planned.lines()


def test_what_is_known_in_part_is_begun_with(jobs: Sequence[Job]) -> None:
    keep(jobs[0], 2, is_final=False)
    planned = plan(jobs)
    assert sizes(planned) == [[5, 2, 2, 1]]
    assert planned.arrays[0].tries
    assert planned.lines()[-2].endswith("Pretend); the first job of an array tries more")


def test_several_gpus_hold_as_many_each(jobs: Sequence[Job]) -> None:
    assert sizes(plan(jobs, gpus_per_node=2)) == [[8, 2]]
    keep(jobs[0], 3)
    assert sizes(plan(jobs, gpus_per_node=2)) == [[6, 4]]


@pytest.mark.parametrize(
    ("settings", "tried", "runs"),
    [
        ({"cpus_per_task": 2}, 2, 2),
        ({"cpus_per_task": None, "cpus_per_gpu": 3}, 3, 3),
        ({"cpus_per_task": None}, 4, 3),
        ({"cpus_per_task": 1}, 1, 1),
        ({"mem_gb": 10}, 4, 2),
    ],
)
def test_no_more_than_the_job_has_cores_and_memory_for(
    jobs: Sequence[Job], settings: Mapping[str, Any], tried: int, runs: int
) -> None:
    assert len(plan(jobs, **settings).arrays[0].tasks[0]) == tried
    assert plan(jobs, **settings).arrays[0].tries is (tried > 1)
    keep(jobs[0], 3, need=Need("Pretend", peak_memory=4 * 2**30))
    assert len(plan(jobs, **settings).arrays[0].tasks[0]) == runs


def test_each_kind_has_a_job_that_tries(jobs: Sequence[Job], longer: Sequence[Job]) -> None:
    planned = plan([*jobs, *longer])
    assert sizes(planned) == [[4, 1, 1, 1, 1, 1, 1], [4, 1, 1]]
    keep(jobs[0], 3)
    assert sizes(plan([*jobs, *longer])) == [[3, 3, 3, 1], [4, 1, 1]]
    keep(longer[0], 3)
    assert sizes(plan([*jobs, *longer])) == [[3, 3, 3, 3, 3, 1]]


def test_a_rule_may_have_it_found_out_for_some_cells(jobs: Sequence[Job]) -> None:
    rules = [{"when": {"seed": [0, 1, 2, 3, 4]}, "runs_per_gpu": "auto"}]
    planned = plan(jobs, runs_per_gpu=5, rules=rules)
    assert sizes(planned) == [[4, 1], [5]]
    assert [array.tries for array in planned.arrays] == [True, False]


def test_runs_without_epochs_try_nothing(jobs: Sequence[Job], monkeypatch: pytest.MonkeyPatch) -> None:
    """They are only to be measured."""
    monkeypatch.setattr(Job, "to_be_measured", ["radius"])
    planned = plan(jobs[:3])
    assert sizes(planned) == [[1, 1, 1]]
    assert f"  {BEGIN}" in planned.lines()


def test_without_gpus_there_is_nothing_to_share(jobs: Sequence[Job]) -> None:
    planned = plan(jobs[:3], gpus_per_node=0)
    assert sizes(planned) == [[1, 1, 1]]
    assert not planned.arrays[0].tries
    assert "  There is no GPU for runs to share (hydra.launcher.runs_per_gpu=auto)" in planned.lines()


def test_a_number_that_was_set_is_taken_whatever_was_found(jobs: Sequence[Job]) -> None:
    keep(jobs[0], 3)
    planned = plan(jobs, runs_per_gpu=2)
    assert sizes(planned) == [[2] * 5]
    assert not any("a GPU" in line for line in planned.lines())


def test_a_submission_says_that_its_jobs_try(slurm: FakeSlurm, launch: Launch) -> None:
    typed = launch("seed=0,1,2,3,4,5", "hydra.launcher.runs_per_gpu=auto")
    assert typed.code == 0
    folder, record = launch.submission
    assert [array["tries"] for array in record["arrays"]] == [True]
    assert option(slurm.scripts[0], "array") == "0-2%3"
    tasks = [json.loads(line) for line in (folder / "0.jsonl").read_text().splitlines()]
    assert [len(task) for task in tasks] == [4, 1, 1]
    assert {run["kind"] for task in tasks for run in task} == {estimate.kind(tasks[0][0]["record"]["config"])}
    assert "runs_per_gpu" not in slurm.scripts[0]


def test_a_wrong_number_is_refused_with_what_it_takes(launch: Launch) -> None:
    for value, shown in (("many", "'many'"), ("0", "0"), ("1.5", "1.5"), ("null", "None")):
        typed = launch("seed=0", f"hydra.launcher.runs_per_gpu={value}")
        assert typed.code == 2
        assert typed.err == (
            f"error: hydra.launcher.runs_per_gpu: takes a whole number >= 1 or auto, got {shown}\n"
        )


def test_a_job_begins_with_what_was_found_when_it_starts(
    tmp_path: Path, jobs: Sequence[Job], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,3")
    monkeypatch.setenv("SLURM_CPUS_PER_TASK", "6")
    folder = tmp_path / "sweeps" / "3c7e69afcf69" / "submissions" / "1"
    folder.mkdir(parents=True)
    for tries, workers, line in ((False, 3, ""), (True, 6, f"{BEGIN}\n")):
        array = submission.Array("hypo-1", None, [[]], [], tries)
        limits = Submission(folder, folder, "", 10, None, [array])
        kind = estimate.kind(jobs[0].config)
        task = ArrayTask(str(folder), 0, 0, 60.0, {}, "", _tasks=[{"kind": kind}] * 3)
        with task._workers(limits) as pool:
            assert len(getattr(pool, "_slots", getattr(pool, "_free", None))) == workers
        assert capsys.readouterr().out == line
    keep(jobs[0], 2)
    with task._workers(limits) as pool:
        assert pool._packing.runs == 2  # type: ignore[union-attr]
    assert capsys.readouterr().out.startswith("2 runs a GPU, as sweep 2b6d58fbe58b found")
