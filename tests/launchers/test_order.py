"""Jobs come after those that they need, also where a run is needed and asked for more than that itself."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from small_jobs import done, job
from small_models import small_experiment

from hypo.defenses.standard import Standard
from hypo.jobs.job import Job
from hypo.measurements.transfer import Transfer
from hypo.settings.errors import InputError
from hypo.settings.other_run import OtherRun
from launchers.planning.sweep import in_order, waves

EXPERIMENT = small_experiment(Standard())


def needing(outputs: Path, seed: int, source: int) -> Job:
    transfer = Transfer({"other": OtherRun(seed=source)})
    return job(outputs, replace(EXPERIMENT, seed=seed, measurements={"transfer": transfer}))


def test_a_run_that_is_needed_waits_for_what_its_own_measurement_needs(tmp_path: Path) -> None:
    first, second = needing(tmp_path, 0, source=1), needing(tmp_path, 1, source=2)
    third = job(tmp_path, replace(EXPERIMENT, seed=2))
    planned = {each.run_id: each for each in (second, first, third)}
    assert [each.experiment.seed for each in in_order(planned)] == [2, 1, 0]
    assert [[each.experiment.seed for each in wave] for wave in waves(tuple(in_order(planned)))] == [[2], [1], [0]]


def test_runs_that_need_each_other_are_refused_until_they_have_results(tmp_path: Path) -> None:
    both = [needing(tmp_path, seed, source=1 - seed) for seed in (0, 1)]
    planned = {each.run_id: each for each in both}
    expected = (
        r"^measurement\.transfer: .*-s1 and .*-s0 need each other's model; leave it out until these have a re"
    )
    with pytest.raises(InputError, match=expected):
        list(in_order(planned))
    for seed in (0, 1):
        done(tmp_path, replace(EXPERIMENT, seed=seed))
    assert {each.experiment.seed for each in in_order(planned)} == {0, 1}
