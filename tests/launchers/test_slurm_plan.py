"""What a launch on Slurm will do: which runs, in which arrays, after which others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_jobs import THRM
from small_jobs import job as small_job
from small_models import small_experiment, small_poisoning

from hypo.jobs.job import Job
from launchers.planning.sweep import Sweep
from launchers.slurm.plan import Plan, PlannedArray
from launchers.slurm.settings import read
from launchers.watching.cells import Cell


@pytest.fixture(scope="module")
def jobs(tmp_path_factory: pytest.TempPathFactory) -> Sequence[Job]:
    """Forty that need no other."""
    runs = tmp_path_factory.mktemp("runs")
    return [small_job(runs, small_experiment(THRM, seed=seed)) for seed in range(40)]


@pytest.fixture(scope="module")
def poisoned(tmp_path_factory: pytest.TempPathFactory) -> Sequence[Job]:
    """Six, of which the first four need one run and the others another one."""
    runs = tmp_path_factory.mktemp("runs")
    qualities = [small_poisoning()] * 4 + [small_poisoning(seed=1)] * 2
    return [
        small_job(runs, small_experiment(THRM, training_data=quality, seed=seed))
        for seed, quality in enumerate(qualities)
    ]


def plan(
    jobs: Sequence[Job],
    settings: Mapping[str, Any] | None = None,
    states: Mapping[str, str] | None = None,
    max_array_size: int = 1001,
) -> Plan:
    """A plan for `jobs`, with what they need first, of which `states` says what they do, by run id."""
    distinct = {needed.run_id: needed for job in jobs for needed in (*job.prerequisites, job)}
    cells = {
        run_id: Cell(job.directory_name, job.command, (states or {}).get(run_id, "missing"))
        for run_id, job in distinct.items()
    }
    sweep = Sweep(tuple(distinct.values()), tuple(job.run_id for job in jobs))
    return Plan(sweep, read(settings or {}), cells, max_array_size)


def runs_of(arrays: Iterable[PlannedArray]) -> list[str]:
    return [job.run_id for array in arrays for task in array.tasks for job in task]


def can_run_together(arrays: Sequence[PlannedArray]) -> Iterable[list[int]]:
    """Sets of arrays none of which has to end before another one begins, each as large as it can be."""
    before: list[set[int]] = []
    for array in arrays:
        before.append({earlier for number in array.after for earlier in (number, *before[number])})
    for first in range(len(arrays)):
        chosen = [first]
        for other in range(len(arrays)):
            if other not in chosen and not any(one in before[other] or other in before[one] for one in chosen):
                chosen.append(other)
        yield chosen


def test_what_is_alike_is_one_array(jobs: Sequence[Job]) -> None:
    (array,) = plan(jobs[:18]).arrays
    assert [[job.run_id for job in task] for task in array.tasks] == [[job.run_id] for job in jobs[:18]]
    assert (array.parallel, list(array.after), list(array.needs)) == (18, [], [])


def test_only_what_has_no_result_and_no_job_is_submitted(jobs: Sequence[Job]) -> None:
    every_state = ("done", "running", "queued", "failed", "interrupted", "missing")
    states = {job.run_id: state for job, state in zip(jobs, every_state, strict=False)}
    assert runs_of(plan(jobs[:6], {}, states).arrays) == [job.run_id for job in jobs[3:6]]
    assert runs_of(plan(jobs[:6], {"retry_failed": False}, states).arrays) == [job.run_id for job in jobs[4:6]]


def test_nothing_to_do_is_no_array(jobs: Sequence[Job]) -> None:
    states = {job.run_id: "done" for job in jobs}
    finished = plan(jobs, {}, states)
    assert finished.arrays == []
    assert finished.lines() == [
        f"Sweep {finished.sweep.sweep_id}: 40 jobs, 40 done, 0 running, 0 queued, 0 to run"
    ]


def test_the_counts_add_up(jobs: Sequence[Job]) -> None:
    every_state = ("done", "done", "running", "queued", "queued", "queued", "failed", "interrupted", "missing")
    states = {job.run_id: state for job, state in zip(jobs, every_state, strict=False)}
    typed = [*jobs[:9], jobs[0], jobs[0], jobs[8]]
    assert plan(typed, {}, states).lines()[0].partition(": ")[2] == (
        "9 jobs, 2 done, 1 running, 3 queued, 3 to run, 3 typed twice, 2 of those to run again"
    )
    assert plan(typed, {"retry_failed": False}, states).lines()[0].partition(": ")[2] == (
        "9 jobs, 2 done, 1 running, 3 queued, 2 to run, 3 typed twice, 1 of those to run again, 1 failed before"
    )


@pytest.mark.parametrize(
    ("settings", "array", "line"),
    [
        ({}, 0, "array 0: 3 jobs, 3 at a time, each no GPU, 60 min"),
        (
            {"partition": "gpu", "gpus_per_node": 1, "cpus_per_task": 4, "mem_gb": 16, "timeout_min": 240},
            0,
            "array 0: 3 jobs, 3 at a time, each partition gpu, 1 GPU, 4 CPUs, 16 GB, 240 min",
        ),
        (
            {"gpus_per_node": 2, "cpus_per_task": 1},
            0,
            "array 0: 2 jobs (3 runs), 2 at a time, each 2 GPUs, 1 CPU, 60 min",
        ),
        (
            {"runs_per_gpu": 3, "mem_gb": 0.5},
            0,
            "array 0: 1 job (3 runs), 1 at a time, each no GPU, 0.5 GB, 60 min",
        ),
        ({"array_parallelism": 2}, 0, "array 0: 3 jobs, 2 at a time, each no GPU, 60 min"),
        (
            {"rules": [{"when": {"seed": 2}, "timeout_min": 90}]},
            1,
            "array 1: 1 job, 1 at a time, each no GPU, 90 min",
        ),
    ],
)
def test_a_line_tells_each_array(jobs: Sequence[Job], settings: Mapping[str, Any], array: int, line: str) -> None:
    assert plan(jobs[:3], settings).lines()[1 + array].strip() == line


def test_cells_that_are_given_other_resources_are_other_arrays(jobs: Sequence[Job]) -> None:
    rules = [{"when": {"seed": [1, 2]}, "mem_gb": 64}]
    arrays = plan(jobs[:5], {"mem_gb": 16, "rules": rules}).arrays
    assert [(array.resources.mem_gb, runs_of([array])) for array in arrays] == [
        (16, [jobs[number].run_id for number in (0, 3, 4)]),
        (64, [jobs[number].run_id for number in (1, 2)]),
    ]


@given(
    count=st.integers(1, 40),
    max_array_size=st.integers(1, 12),
    runs_per_gpu=st.integers(1, 4),
    parallel=st.integers(1, 30),
    kinds=st.integers(1, 4),
)
def test_every_run_is_submitted_once_and_the_limits_are_kept(
    jobs: Sequence[Job], count: int, max_array_size: int, runs_per_gpu: int, parallel: int, kinds: int
) -> None:
    rules = [
        {"when": {"seed": list(range(kind, 40, kinds))}, "timeout_min": 100 + kind} for kind in range(1, kinds)
    ]
    settings = {"runs_per_gpu": runs_per_gpu, "array_parallelism": parallel, "rules": rules}
    arrays = plan(jobs[:count], settings, max_array_size=max_array_size).arrays
    assert sorted(runs_of(arrays)) == sorted(job.run_id for job in jobs[:count])
    for number, array in enumerate(arrays):
        assert 0 < len(array.tasks) <= max_array_size
        assert all(0 < len(task) <= runs_per_gpu for task in array.tasks)
        assert all(other < number for other in array.after)
        assert 1 <= array.parallel <= len(array.tasks)
    for together in can_run_together(arrays):
        assert sum(arrays[number].parallel for number in together) <= parallel


def test_prerequisites_are_submitted_once_before_what_needs_them(poisoned: Sequence[Job]) -> None:
    planned = plan(poisoned)
    first, *dependents = planned.arrays
    needed = {job.prerequisites[0].run_id: job.prerequisites[0] for job in poisoned}
    assert runs_of([first]) == list(needed)
    assert [(runs_of([array]), [job.run_id for job in array.needs]) for array in dependents] == [
        ([job.run_id for job in poisoned if job.prerequisites[0].run_id == run_id], [run_id]) for run_id in needed
    ]
    assert [list(array.after) for array in dependents] == [[0], [0]]
    assert "8 to run, 2 needed by others first" in planned.lines()[0]
    assert planned.lines()[2].endswith(f", after {needed[dependents[0].needs[0].run_id].name}")


def test_a_prerequisite_that_is_done_holds_nobody_up(poisoned: Sequence[Job]) -> None:
    states = {job.prerequisites[0].run_id: "done" for job in poisoned}
    (array,) = plan(poisoned, {}, states).arrays
    assert (runs_of([array]), list(array.needs)) == ([job.run_id for job in poisoned], [])


def test_a_prerequisite_that_is_at_work_is_waited_for_and_not_submitted_again(poisoned: Sequence[Job]) -> None:
    needed = poisoned[0].prerequisites[0]
    (array,) = plan(poisoned[:4], {}, {needed.run_id: "running"}).arrays
    assert [job.run_id for job in array.needs] == [needed.run_id]
    assert list(array.after) == []


@given(parallel=st.integers(1, 12), max_array_size=st.integers(1, 4))
def test_those_that_wait_for_others_keep_to_the_same_limit(
    poisoned: Sequence[Job], parallel: int, max_array_size: int
) -> None:
    arrays = plan(poisoned, {"array_parallelism": parallel}, max_array_size=max_array_size).arrays
    assert len(runs_of(arrays)) == 8
    submitted: set[str] = set()
    for array in arrays:
        assert {job.run_id for job in array.needs} <= submitted
        submitted.update(runs_of([array]))
    for together in can_run_together(arrays):
        assert sum(arrays[number].parallel for number in together) <= parallel
