"""What is changed between submission and start: settings do not reach a queued job, code does unless copied."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from slurm.sweeping import ON_SLURM, Sweep, history, status

pytestmark = [pytest.mark.slurm, pytest.mark.timeout(300)]

CHECKOUT = Path(__file__).parents[2]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of this checkout, whose recipe for the digits has two epochs."""
    copy = tmp_path / "checkout"
    for name in ("hypo", "conf", "sweeps", "launchers", "analysis"):
        shutil.copytree(CHECKOUT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(CHECKOUT / "pyproject.toml", copy)
    set_epochs(copy, 2)
    return copy


@pytest.fixture
def drained(sweep: Sweep) -> Iterator[None]:
    """Nothing starts until it is told to."""
    sweep.cluster.call("scontrol", "update", "NodeName=n1,n2", "State=DRAIN", "Reason=test")
    return


def start(sweep: Sweep) -> None:
    sweep.cluster.call("scontrol", "update", "NodeName=n1,n2", "State=RESUME")
    sweep.wait_until_over()


def set_epochs(checkout: Path, epochs: int) -> None:
    recipe = checkout / "conf" / "recipe" / "digits.yaml"
    text, found = re.subn(r"(?m)^  epochs: \d+$", f"  epochs: {epochs}", recipe.read_text())
    assert found == 1
    recipe.write_text(text)


def submit_from(checkout: Path, sweep: Sweep, *arguments: str) -> None:
    """Type the sweep where the code and the settings of `checkout` are found before all others."""
    subprocess.run(
        [sys.executable, "-m", "hypo.run", "-m", *ON_SLURM, "tracking=disabled", *arguments],
        cwd=sweep.folder,
        env={**os.environ, "PYTHONPATH": f"{checkout}:{checkout / 'launchers' / 'plugins'}"},
        stdout=subprocess.DEVNULL,
        check=True,
    )
    assert sweep.job_states() == ["PENDING"]


@pytest.mark.usefixtures("drained")
def test_a_queued_run_keeps_the_settings_that_were_composed(sweep: Sweep, checkout: Path) -> None:
    submit_from(checkout, sweep, "seed=0")
    set_epochs(checkout, 3)
    start(sweep)
    assert status(sweep.run())["state"] == "done"
    assert len(history(sweep.run())) == 2


@pytest.mark.usefixtures("drained")
def test_a_snapshot_runs_the_code_as_it_was(sweep: Sweep, checkout: Path) -> None:
    git = ["git", "-C", str(checkout), "-c", "user.name=test", "-c", "user.email=test@example.org"]
    for command in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "--message", "As it was"]):
        subprocess.run([*git, *command], check=True)
    commit = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()
    worker = checkout / "hypo" / "command_line" / "worker.py"
    worker.write_text(f"{worker.read_text()}\n# Not committed yet.\n")
    submit_from(checkout, sweep, "seed=0", "hydra.launcher.snapshot=true")
    worker.write_text("raise RuntimeError('edited while the job was queued')\n")
    start(sweep)
    assert status(sweep.run())["state"] == "done"
    environment = json.loads((sweep.run() / "environment.json").read_text())
    assert (environment["snapshot"], environment["commit"], environment["dirty"]) == (True, commit, True)
    assert "+# Not committed yet." in environment["diff"].splitlines()


@pytest.mark.usefixtures("drained")
def test_without_a_snapshot_code_that_was_broken_meanwhile_fails_the_job(sweep: Sweep, checkout: Path) -> None:
    submit_from(checkout, sweep, "seed=0")
    (checkout / "hypo" / "command_line" / "worker.py").write_text(
        "raise RuntimeError('edited while the job was queued')\n"
    )
    start(sweep)
    assert sweep.job_states() == ["FAILED"]
    assert status(sweep.run())["reason"] == (
        "the worker exited with 1: RuntimeError: edited while the job was queued"
    )
