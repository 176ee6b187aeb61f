"""The sweeps of Tao et al. 2020 hold what its text says of each table and figure, and share what they share."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from composing import CONF
from imagenet_folder import imagenet
from named_sweeps import header, jobs, wanted
from tao2020_cells import CELLS, NAMES, cells
from typed_command import typed

from hypo.jobs.job import Job
from hypo.settings.identity import training_id, trains

SWEEPS = CONF.parent / "sweeps"
PICTURES = {"figure1", "figure4", "figure5"}
ON_IMAGENET = {"table2", "table6", "figure1", "figure5"}


@pytest.fixture(scope="module", autouse=True)
def validation_images(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """An ImageNet where the sweeps look for one: which images it has is part of what a run is."""
    folder = tmp_path_factory.mktemp("here")
    imagenet(folder / "data" / "imagenet", train=0, val=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        yield


def test_there_is_a_sweep_for_every_table_and_figure_and_a_small_one_beside_it() -> None:
    assert {path.stem for path in (SWEEPS / "tao2020").glob("*.yaml")} == NAMES == set(CELLS)
    assert {path.stem for path in (SWEEPS / "smoke" / "tao2020").glob("*.yaml")} == NAMES


@pytest.mark.parametrize("name", sorted(NAMES))
def test_a_sweep_holds_what_the_paper_says_and_nothing_else(name: str) -> None:
    found = cells(name)
    assert CELLS[name] - found == set(), "cells of the paper that the sweep lacks"
    assert found - CELLS[name] == set(), "cells that the paper does not have there"
    assert len(jobs(f"tao2020/{name}")) == len(found), "it needs no other run"


@pytest.mark.parametrize("name", sorted(NAMES))
def test_everything_is_attacked_but_for_pictures_and_shown_where_the_attack_stops(name: str) -> None:
    for job in wanted(f"tao2020/{name}"):
        limit = 1000 if name in ("figure1", "figure5") else None
        assert job.experiment.evaluation.test_limit == limit
        pictures: Any = job.experiment.measurements["pictures"]
        assert pictures.point == ("first_success" if name in PICTURES else "largest_margin")


@pytest.mark.parametrize("name", sorted(NAMES - ON_IMAGENET))
def test_all_are_trained_by_the_recipe_of_the_text(name: str) -> None:
    for job in wanted(f"tao2020/{name}"):
        if not trains(job.experiment):
            continue
        recipe = job.experiment.recipe
        # 'Early stopping is done with holding out 1000 examples … as suggested in Rice et al.'
        assert (recipe.batch, recipe.hold_out, recipe.keep, recipe.train_limit) == (128, 1000, "best", None)
        if job.config["dataset"]["name"] == "mnist":  # '80 epochs with Adam …, a learning rate of 0.001'
            assert (recipe.epochs, recipe.optimizer, recipe.learning_rate) == (80, "adam", 0.001)
            assert (recipe.schedule, recipe.weight_decay) == ("constant", 0)
        else:  # '150 epochs with SGD …, 0.1, and is divided it by 10 at 90 and 125', '2e-4 and momentum of 0.9'
            assert (recipe.epochs, recipe.optimizer, recipe.learning_rate) == (150, "sgd", 0.1)
            assert (recipe.schedule, recipe.milestones) == ("milestones", (90, 125))
            assert (recipe.weight_decay, recipe.momentum) == (2e-4, 0.9)


@pytest.mark.parametrize(
    ("name", "whose"),
    [
        ("table5", ["table1"]),
        ("table6", ["table2"]),
        ("table7", ["table4"]),
        ("table13", ["table8"]),
        ("table14", ["table10"]),
        ("figure3", ["table8", "table10"]),
        ("figure5", ["figure1"]),
        ("figure6", ["table8", "table9", "table10", "table11"]),
    ],
)
def test_sweeps_of_the_same_cells_are_the_same_runs(name: str, whose: list[str]) -> None:
    own = {job.run_id for job in wanted(f"tao2020/{name}")}
    assert own == {job.run_id for other in whose for job in wanted(f"tao2020/{other}")}


@pytest.mark.parametrize(
    ("name", "others"),
    [("figure7", ["table1", "table8", "table12"]), ("figure8", ["table4", "table11", "table12"])],
)
def test_the_nine_models_are_cells_of_tables(name: str, others: list[str]) -> None:
    there = {job.run_id for other in others for job in wanted(f"tao2020/{other}")}
    assert {job.run_id for job in wanted(f"tao2020/{name}")} < there


def test_pictures_and_radii_share_trainings() -> None:
    def trainings(name: str) -> set[str]:
        return {training_id(job.experiment) for job in wanted(f"tao2020/{name}") if trains(job.experiment)}

    assert trainings("figure4") < trainings("table1") | trainings("table4")
    assert len(trainings("table12")) == 2 * 3 + 3 * 4 * 3  # Standard once for all radii of a data set
    assert trainings("table12") > trainings("table1") | trainings("table4")


@pytest.mark.parametrize("name", sorted(NAMES))
def test_a_small_twin_has_the_grid_of_the_full_one(name: str) -> None:
    def grid(planned: Iterable[Job]) -> set[tuple[str, ...]]:
        groups = ("defense", "training_data", "threat_model", "evaluation")
        return {(*(job.config[group]["name"] for group in groups), str(job.config["lambda"])) for job in planned}

    full, small = wanted(f"tao2020/{name}"), wanted(f"smoke/tao2020/{name}")
    pretrained = ("none", "elsewhere")
    trained_here = {cell if cell[:2] != pretrained else ("standard", "quality", *cell[2:]) for cell in grid(full)}
    assert grid(small) == trained_here
    assert {job.config["dataset"]["name"] for job in small} == {"digits"}
    assert all(job.experiment.recipe.keep == "best" for job in small)


@pytest.mark.parametrize(
    "sweep", [f"{folder}/{name}" for folder in ("tao2020", "smoke/tao2020") for name in sorted(NAMES)]
)
def test_a_header_names_what_it_is_of_and_says_how_many_jobs_it_has(sweep: str) -> None:
    (said,) = re.findall(r"(\d+) jobs?\b", header(sweep))
    assert len(jobs(sweep)) == int(said)
    if not sweep.startswith("smoke"):
        kind, number = re.fullmatch(r"tao2020/(table|figure)(\d+)", sweep).groups()  # type: ignore[union-attr]
        assert header(sweep).split(" # ")[0].find(f"{kind.capitalize()} {number} of Tao et al. 2020") >= 0


def test_the_list_of_sweeps_has_the_numbers_of_their_headers() -> None:
    listed = {}
    text = (SWEEPS / "README.md").read_text("utf-8")
    for names, count in re.findall(r"^\| (`tao2020/.*?) \|.*\| (\d+)(?: each)? \|$", text, re.MULTILINE):
        listed |= dict.fromkeys(re.findall(r"`tao2020/(\w+)`", names), count)
    assert listed == {name: re.findall(r"(\d+) jobs?\b", header(f"tao2020/{name}"))[0] for name in NAMES}


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("table8", ["lambda=0,5", "defense=thrm"]),
        ("table2", ["dataset.scale=4", "arch=resnet18"]),
        ("figure4", []),
    ],
)
def test_a_small_sweep_runs(name: str, part: list[str], tmp_path: Any, monkeypatch: Any, capsys: Any) -> None:
    monkeypatch.chdir(tmp_path)
    arguments = ["seed=0", *part]
    ended = typed(monkeypatch, capsys, "-m", f"+sweeps=smoke/tao2020/{name}", *arguments)
    assert ended.code == 0, ended.err
    results = list((tmp_path / "outputs" / "runs").glob("*/result.json"))
    assert len(results) == len(jobs(f"smoke/tao2020/{name}", *arguments)) > 1
