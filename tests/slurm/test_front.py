"""A front on a throw-away Slurm: batch after batch, waited for or left and asked for again."""

from __future__ import annotations

from pathlib import Path

import pytest
from slurm.sweeping import ON_SLURM, Sweep

pytestmark = [pytest.mark.slurm, pytest.mark.timeout(400)]

FRONT = (
    *("recipe.epochs=3", "evaluation.test_limit=100", "tracking=disabled", "measurement=[]"),
    *("hydra/sweeper=front", "hydra.sweeper.gap=0.1", "hydra.sweeper.budget=3", "defense=trades", "lambda=0,100"),
)


def test_it_chooses_on_slurm_what_it_chooses_here(sweep: Sweep) -> None:
    def log(folder: str) -> str:
        (path,) = (sweep.folder / folder).glob("sweeps/*/front.log")
        return path.read_text()

    left = sweep.type(*FRONT, *ON_SLURM)
    assert left.code == 0, left.err
    assert "2 runs have no result yet" in left.out
    sweep.wait_until_over()
    stayed = sweep.type(*FRONT, *ON_SLURM, "hydra.launcher.wait=true")
    assert stayed.code == 0, stayed.out + stayed.err
    assert "3 jobs, 2 done, 0 running, 0 queued, 1 to run\n" in stayed.out
    assert stayed.out.count("λ = 10: between 0 and 100 ") == 1
    assert sweep.job_states() == ["COMPLETED"] * 3
    here = sweep.type(*FRONT, "output_dir=here")
    assert here.code == 0, here.err
    assert log("outputs") == log("here")
    assert names(sweep.folder / "outputs") == names(sweep.folder / "here")


def names(outputs: Path) -> list[str]:
    """Of the sweep and its runs."""
    return sorted(path.name for folder in ("runs", "sweeps") for path in (outputs / folder).glob("[!.]*"))
