"""--only keeps the runs with a value, in every part that reads runs."""

from __future__ import annotations

from pathlib import Path

import pytest
from fake_runs import MakeRun

from analysis.__main__ import main
from analysis.parts import PARTS
from analysis.reading.collect import collect
from analysis.reading.selection import chosen


@pytest.fixture
def mixed(outputs: Path, make_run: MakeRun) -> Path:
    for lambda_, epochs in ((5, 40), (10, 40), (5, 1)):
        recipe = {"epochs": epochs, "weight_decay": 5e-4, "train_limit": None, "flip": False}
        make_run(outputs, "thrm", lambda_, config={"recipe": recipe})
    make_run(outputs, "trades", 5, epsilon="1/8", seed=3)
    return outputs


@pytest.mark.parametrize(
    ("only", "left"),
    [
        ([], 4),
        (["defense=trades"], 1),
        (["defense=thrm", "recipe.epochs=40"], 2),
        (["recipe.epochs=40.0"], 3),
        (["recipe.weight_decay=5e-4"], 3),
        (["recipe.train_limit=null"], 3),
        (["recipe.train_limit=none"], 3),
        (["recipe.flip=False"], 3),
        (["recipe.milestones=[20,30]"], 4),
        (["lambda=5.0"], 3),
        (["epsilon=0.125"], 1),
        (["seed=3"], 1),
    ],
)
def test_the_runs_with_that_value_are_kept(mixed: Path, only: list[str], left: int) -> None:
    assert len(chosen(collect(mixed), only)) == left


@pytest.mark.parametrize(
    ("only", "told"),
    [
        ("defense", "--only: takes KEY=VALUE, such as recipe.epochs=110, got 'defense'"),
        ("defense=pgd_at", "--only defense=pgd_at: no run has that, there is thrm, trades"),
        ("recipe.epochs=7", "--only recipe.epochs=7: no run has that, there is 40, 1"),
        ("seed=1", "--only seed=1: no run has that, there is 0, 3"),
        (
            "recipe.epoch=7",
            "--only recipe.epoch: no run has such a setting, there is recipe.epochs, recipe.milestones",
        ),
        ("D=1", "--only D: no run has such a setting, there is dataset, training_data, arch, defense, lambda"),
    ],
)
def test_what_no_run_has_is_refused_in_a_line_with_what_there_is(
    mixed: Path, only: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["tables", str(mixed), "--only", only]) == 2
    err = capsys.readouterr().err
    assert err.startswith(f"python -m analysis: {told}")
    assert err.count("\n") == 1


@pytest.mark.parametrize("part", [name for name in PARTS if name not in ("audit", "examples", "samples", "toy")])
def test_every_part_that_reads_runs_takes_it(mixed: Path, part: str, capsys: pytest.CaptureFixture[str]) -> None:
    needed = {
        "compare": ["thrm", "trades"],
        "figure": ["tao2022/figure4"],
        "wandb": ["--project", "me/hypo", "--dry-run"],
    }
    before = needed.get(part, [])
    assert main([part, *before, str(mixed), "--only", "defense=pgd_at"]) == 2
    assert "--only defense=pgd_at: no run has that" in capsys.readouterr().err


def test_only_the_runs_that_are_kept_are_in_the_table(mixed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["runs", str(mixed), "--only", "recipe.epochs=1", "--format", "csv"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2
