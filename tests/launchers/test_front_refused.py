"""A front that is left to Slurm, and fronts that cannot be."""

from __future__ import annotations

from pathlib import Path

import pytest
from fake_slurm import FakeSlurm
from front_runs import FRONT, Front
from slurm_launch import Launch


def test_slurm_is_left_until_the_runs_have_results(launch: Launch, slurm: FakeSlurm) -> None:
    words = (*FRONT, "defense=thrm,trades", "seed=0,1")
    shown = launch(*words, "hydra.launcher.dry_run=true")
    assert (shown.code, launch.files) == (0, [])
    line = "Front: 8 runs have no result yet; the same command chooses on when they have"
    assert line in shown.out
    submitted = launch(*words)
    assert submitted.code == 0, submitted.err
    assert line in submitted.out
    assert "8 to run\n" in submitted.out
    assert len(launch.names) == 8


def test_one_run_that_slurm_has_left_is_no_plural(front: Front, launch: Launch, slurm: FakeSlurm) -> None:
    assert front("hydra.sweeper.budget=2").code == 0
    left = launch("tracking=disabled", *FRONT, "hydra.sweeper.budget=3")
    assert "Front: 1 run has no result yet; the same command chooses on when it has, and with" in left.out


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ("hydra.sweeper.gap=0", 'hydra.sweeper.gap: takes a number > 0 (or a fraction such as "8/255"), got 0'),
        ("hydra.sweeper.gap=-1", 'hydra.sweeper.gap: takes a number > 0 (or a fraction such as "8/255"), got -1'),
        (
            "hydra.sweeper.gap=null",
            'hydra.sweeper.gap: takes a number > 0 (or a fraction such as "8/255"), got None',
        ),
        ("hydra.sweeper.budget=1.5", "hydra.sweeper.budget: takes a whole number >= 1, got 1.5"),
        ("hydra.sweeper.budget=1", "hydra.sweeper.budget: takes at least the 2 runs to begin with, got 1"),
        (
            "lambda=5",
            "lambda: hydra/sweeper=front begins between two values or more of a defense that has λ, "
            "such as defense=thrm lambda=0,100; got λ = 5",
        ),
        ("lambda=5,5.0", "got λ = 5"),
        ("defense=standard", "such as defense=thrm lambda=0,100; got no λ"),
        ("lambda=0,nope", "lambda: takes a number"),
        (
            "hydra/launcher=basic",
            "hydra/launcher: takes one of sequential, local, slurm with a front, got BasicLauncher",
        ),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(front: Front, tmp_path: Path, arguments: str, line: str) -> None:
    refused = front(*arguments.split())
    assert refused.code == 2
    assert line in refused.err
    assert refused.err.count("\n") == 1
    assert not (tmp_path / "outputs").exists()
