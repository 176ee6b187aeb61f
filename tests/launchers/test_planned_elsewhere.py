"""A sweep is planned and submitted on a machine that has no data and no GPU, and runs on another one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from fake_slurm import FakeSlurm
from slurm_launch import Launch
from small_jobs import Silent
from typed_command import typed

from hypo.jobs.attempt import attempt
from hypo.jobs.job import from_record

DRY = "hydra.launcher.dry_run=true"


@pytest.fixture
def no_slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))


@pytest.mark.usefixtures("no_slurm")
def test_a_table_of_the_paper_is_planned_in_an_empty_folder(launch: Launch) -> None:
    planned = launch("+sweeps=tao2022/table10", DRY)
    assert (planned.code, planned.err) == (0, "")
    assert "90 jobs, 0 done, 0 running, 0 queued, 90 to run" in planned.out
    assert not list(Path().iterdir())


@pytest.mark.usefixtures("no_slurm")
@pytest.mark.parametrize("dataset", ["mnist", "cifar10", "cifar100", "svhn", "tiny_imagenet", "digits"])
def test_what_is_the_same_everywhere_is_known_without_its_files(launch: Launch, dataset: str) -> None:
    planned = launch(f"dataset={dataset}", "training_data=poisoning", "seed=0,1", "device=cuda", DRY)
    assert (planned.code, planned.err) == (0, "")
    assert "3 jobs, 0 done, 0 running, 0 queued, 3 to run, 1 needed by others first" in planned.out


@pytest.mark.usefixtures("no_slurm")
@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (
            "dataset=mnist arch=vgg16",
            "arch: vgg16 halves images five times, so it takes images of at least 32x32 ",
        ),
        ("dataset=digits dataset.scale=2 arch=vgg16", "arch: vgg16 halves images five times, so it takes "),
        ("dataset=cifar10 device=xyz", "device: takes auto, cpu, cuda, cuda:<index> or mps, got 'xyz'"),
        ("dataset=image_folder", "dataset.root: takes a folder of images laid out as "),
        ("dataset=parquet", "dataset.root: takes a folder of parquet files, but there is no "),
    ],
)
def test_what_cannot_run_anywhere_is_refused_and_so_are_ones_own_data_that_are_not_there(
    launch: Launch, arguments: str, line: str
) -> None:
    planned = launch(*arguments.split(), "seed=0,1", DRY)
    assert (planned.code, planned.out) == (2, "")
    assert planned.err.startswith(f"error: {line}")
    assert planned.err.count("\n") == 1
    assert not list(Path().iterdir())


def test_a_job_that_does_not_find_its_data_says_so_on_the_node(slurm: FakeSlurm, launch: Launch) -> None:
    submitted = launch("dataset=cifar10", "tracking=disabled", "seed=0,1")
    assert (submitted.code, submitted.err) == (0, "")
    assert len(slurm.scripts) == 1
    folder, _ = launch.submission
    for line in (folder / "0.jsonl").read_text().splitlines():
        for task in json.loads(line):
            outcome = attempt(from_record(task["record"], Path(task["runs"])), Silent())
            assert (outcome.state, outcome.cause) == ("failed", "bad data")
            assert str(outcome.reason).startswith(
                "dataset.root: takes the folder that holds CIFAR-10, but there is no "
            )
            assert "\n" not in str(outcome.reason)


@pytest.mark.parametrize("launcher", [[], ["-m"], ["-m", "hydra/launcher=local"]], ids=" ".join)
def test_what_runs_here_needs_its_data_here_before_anything_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], launcher: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    ended = typed(monkeypatch, capsys, *launcher, "dataset=cifar10")
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith("error: dataset.root: takes the folder that holds CIFAR-10, but there is no ")
    assert not list(tmp_path.iterdir())
