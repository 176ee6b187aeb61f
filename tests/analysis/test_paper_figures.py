"""The figures of the paper from run directories: which runs each takes, and what its command leaves and says."""

from __future__ import annotations

from pathlib import Path

import pytest
from composed_runs import add
from fake_findings import add_targets, ask_for
from fake_runs import MakeRun

from analysis.__main__ import main
from analysis.curves.drawing import FILE_TYPES
from analysis.curves.figures.paper_figures import FIGURES, paper_figure
from analysis.reading.collect import collect

PGD20 = {"evaluation": {"name": "pgd20"}}


def make_all(outputs: Path, make_run: MakeRun) -> None:
    """Two runs of every figure, and some that belong to none."""
    for data in ("quality", "poisoning"):
        for defense, lambda_ in (("pgd_at", None), ("trades", 6), ("trades", 7)):
            config = {**PGD20, "training_data": {"name": data}}
            add_targets(make_run(outputs, defense, lambda_, config=config, R_hyp_minus=0.9), cat=(1, 2, 10))
        for defense in ("thrm", "trades", "pgd_at"):
            for lambda_ in (0, 5):
                make_run(outputs, defense, lambda_, config={**PGD20, "training_data": {"name": data}})
    for data in ("naive", "noise", "mislabeling", "poisoning", "quality"):
        defense = "none" if data == "naive" else "standard"
        make_run(outputs, defense, None, config={**PGD20, "training_data": {"name": data}})
        make_run(outputs, defense, None, config={"evaluation": {"name": "fgsm"}, "training_data": {"name": data}})


@pytest.mark.parametrize(
    ("name", "cells"),
    [
        (
            "figure2",
            {
                ("naive", "none"),
                *((data, "standard") for data in ("noise", "mislabeling", "poisoning", "quality")),
            },
        ),
        ("figure3", {("quality", "pgd_at"), ("quality", "trades 6")}),
        ("figure4", {("quality", f"{defense} {weight}") for defense in ("thrm", "trades") for weight in (0, 5)}),
        ("figure5", {("poisoning", "pgd_at"), ("poisoning", "trades 6")}),
        ("figure6", {("poisoning", f"{defense} {weight}") for defense in ("thrm", "trades") for weight in (0, 5)}),
        ("figure7", {("quality", f"{defense} {weight}") for defense in ("thrm", "trades") for weight in (0, 5)}),
    ],
)
def test_a_figure_takes_its_runs_and_no_others(
    outputs: Path, make_run: MakeRun, name: str, cells: set[tuple[str, str]]
) -> None:
    make_all(outputs, make_run)
    _, runs = paper_figure(collect(outputs), f"tao2022/{name}")
    taken = [
        (data, f"{defense} {weight}".strip())
        for data, defense, weight in runs[["training_data", "defense", "lambda"]].itertuples(index=False)
    ]
    assert sorted(taken) == sorted(cells)


def test_panels_stand_in_the_papers_order(outputs: Path) -> None:
    for name in ("tiny_imagenet", "cifar100", "svhn", "cifar10"):
        add_targets(add(outputs, f"dataset={name}", "defense=pgd_at"), cat=(1, 2, 10))
        add(outputs, f"dataset={name}", "defense=thrm", "lambda=5")
    for figure, datasets in (
        ("figure3", ["cifar10", "svhn", "cifar100", "tiny_imagenet"]),
        ("figure4", ["cifar10", "cifar100", "tiny_imagenet"]),  # the paper has no curve of SVHN
    ):
        drawn, _ = paper_figure(collect(outputs), f"tao2022/{figure}")
        ours = [axes.get_title().partition(",")[0] for axes in drawn.axes if "," in axes.get_title()]
        assert ours == datasets


def test_of_the_papers_data_sets_a_figure_takes_its_published_cells_alone(outputs: Path) -> None:
    """Whatever other tables' runs lie beside them."""
    poisoned = ("dataset=cifar10", "training_data=poisoning")
    of_table_13 = {add(outputs, *poisoned, f"defense={name}", "lambda=5") for name in ("thrm", "trades")}
    of_figure_2 = {
        add(outputs, *poisoned, "defense=standard"),
        add(outputs, "dataset=cifar10", "defense=standard"),
    }
    add(outputs, *poisoned, "defense=trades", "lambda=6")  # Table 8
    add(outputs, "dataset=svhn", "training_data=poisoning", "defense=trades", "lambda=5")
    for other in ("arch=vgg16", "arch.width=32", "threat_model=l2", "epsilon=4/255"):
        add(outputs, *poisoned, "defense=trades", "lambda=5", other)
        add(outputs, *poisoned, "defense=standard", other)
    add(outputs, *poisoned, "defense=trades", "lambda=5", "evaluation.attack.steps=1")
    for figure, expected in (("figure6", of_table_13), ("figure2", of_figure_2)):
        _, runs = paper_figure(collect(outputs), f"tao2022/{figure}")
        assert set(map(Path, runs["directory"])) == expected


def test_a_rehearsals_panels_stand_in_the_order_of_what_they_stand_for(outputs: Path) -> None:
    for scale in (4, 1, 2):
        add(outputs, f"dataset.scale={scale}", "defense=thrm", "lambda=5")
    drawn, _ = paper_figure(collect(outputs), "tao2022/figure4")
    titles = [axes.get_title().replace("\n", " ") for axes in drawn.axes]
    assert [title[-1] for title in titles if "dataset.scale" in title] == ["1", "2", "4"]


@pytest.mark.parametrize("name", [name for name in FIGURES if name.startswith("tao2022/")])
def test_the_command_saves_every_file_type_in_the_same_bytes(
    outputs: Path, make_run: MakeRun, tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    make_all(outputs, make_run)
    assert main(["figure", name, str(outputs)]) == 0
    files = [outputs / f"{name.replace('/', '-')}{suffix}" for suffix in FILE_TYPES]
    assert capsys.readouterr().out.splitlines() == list(map(str, files))
    assert main(["figure", name, str(outputs), "-o", str(tmp_path / "again")]) == 0
    for file in files:
        assert (tmp_path / "again" / file.name).read_bytes() == file.read_bytes()


@pytest.mark.parametrize("name", FIGURES)
def test_without_a_run_of_it_the_command_says_what_it_takes_and_which_sweep_makes_it(
    outputs: Path, make_run: MakeRun, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    make_run(outputs, "linf_dist", None)
    assert main(["figure", name, str(outputs)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    for said in (FIGURES[name].takes, f"+sweeps={name} makes them", f"+sweeps=smoke/{name} in small"):
        assert said in line
    assert not list(outputs.glob("tao2022*"))


def test_a_run_that_is_still_to_be_measured_with_targets_is_missing_in_their_figure(
    outputs: Path, make_run: MakeRun
) -> None:
    config = {**PGD20, "training_data": {"name": "quality"}}
    add_targets(make_run(outputs, "pgd_at", None, config=config), cat=(1, 2, 10))
    make_run(outputs, "pgd_at", None, seed=1, config=config)
    waiting = ask_for(make_run(outputs, "pgd_at", None, seed=2, config=config), "targeted")
    _, runs = paper_figure(collect(outputs), "tao2022/figure3")
    assert list(runs["seed"]) == [0, 2]
    assert list(runs.loc[runs["directory"] == str(waiting), "reason"]) == ["it has no finding of targeted"]


def test_an_unknown_figure_is_told_which_there_are(
    outputs: Path, make_run: MakeRun, capsys: pytest.CaptureFixture[str]
) -> None:
    make_run(outputs)
    assert main(["figure", "tao2022/figure1", str(outputs)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith(f"takes one of {', '.join(FIGURES)}, got 'tao2022/figure1'")


def test_runs_of_the_figure_that_are_missing_make_it_one_and_others_do_not(
    outputs: Path, make_run: MakeRun, capsys: pytest.CaptureFixture[str]
) -> None:
    make_run(outputs, "thrm", 5, config=PGD20)
    make_run(outputs, "linf_dist", None, state="queued")
    assert main(["figure", "tao2022/figure4", str(outputs)]) == 0
    make_run(outputs, "trades", 5, config=PGD20, state="queued")
    assert main(["figure", "tao2022/figure4", str(outputs)]) == 1
    assert "1 of 2 runs have no result" in capsys.readouterr().err
