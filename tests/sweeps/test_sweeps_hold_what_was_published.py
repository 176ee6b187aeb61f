"""Every cell of a published table or figure is in the sweep of its name, and no other: both ways."""

from __future__ import annotations

import csv
import re
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from named_sweeps import ALL, PAPER, header, jobs, wanted

import analysis
from hypo.attacks.searches.projected_gradient import ProjectedGradient
from hypo.jobs.job import Job
from hypo.settings import checks
from hypo.settings.identity import training_id, trains

FILE = Path(analysis.__file__).parent / "paper" / "reference" / "tao2022.csv"
LINES = list(csv.DictReader(FILE.read_text("utf-8").splitlines()))

Cell = tuple[Any, ...]
"""Data set, architecture, norm, ε, training data, defense, λ, and what is done to the trained model."""

ARCHITECTURES = {
    "Mlp(hidden=(3072, 3072), relu='every')": "mlp",
    "Resnet18(width=64, initialisation='torchvision')": "resnet18",
    "Vgg16(width=64, initialisation='torchvision')": "vgg16",
    "WideResnet(depth=28, width=10, initialisation='torchvision')": "wrn28_10",
}
ATTACKS = {
    (ProjectedGradient(1, 1.0, 1, "clean"), "cross_entropy"): "fgsm",
    (ProjectedGradient(20, 0.25, 1, "uniform"), "cross_entropy"): "pgd-20",
    (ProjectedGradient(100, 0.25, 1, "uniform"), "cross_entropy"): "pgd-100",
    (ProjectedGradient(100, 0.25, 1, "uniform"), "margin"): "cw-100",
}


def published(number: str) -> set[Cell]:
    """The cells of a table, from its published rows."""
    return {
        (
            line["dataset"].replace("tinyimagenet", "tiny_imagenet"),
            line["arch"],
            line["norm"],
            checks.number("", line["eps"]),
            line["data"],
            line["defense"],
            float(line["lambda"]) if line["lambda"] else None,
            line["attack"],
        )
        for line in LINES
        if line["table"] == number and line["attack"] not in ("clean", "certified")
    }


def told(*tables: str, data: str = "", attack: str = "") -> set[Cell]:
    """The cells of a figure whose caption says that they are those of `tables`, of one training data if given."""
    of_tables = set[Cell]().union(*map(published, tables))
    return {(*cell[:-1], attack or cell[-1]) for cell in of_tables if data in ("", cell[4])}


def five_models() -> set[Cell]:
    """Figure 2: ResNet-18 on CIFAR-10, one for each training data of Table 5 and one that is not trained."""
    return {(cell[0], "resnet18", *cell[2:]) for cell in published("5")}


FIGURES = {
    "table4": five_models(),  # "five ResNet-18", the models of Figure 2
    "figure2": five_models(),
    "figure3": told("8", "9", data="quality", attack="targeted"),
    "figure4": told("10", "11", "12"),
    "figure5": told("8", "9", data="poisoning", attack="targeted"),
    "figure6": told("13"),
    "figure7": told("10", "11", "12"),
}
CELLS = {**{name: published(name.removeprefix("table")) for name in PAPER}, **FIGURES}
ONE_SEED = {"table4", "table16"}


def cell(job: Job) -> Cell:
    """What the paper would call a run."""
    experiment = job.experiment
    evaluation = experiment.evaluation
    attack = ATTACKS[evaluation.attack, evaluation.objective]
    name = str(job.config["arch"]["name"])
    if name == "linf_dist_net":
        assert not evaluation.surrogate, "the paper's column is plain PGD"
    else:
        name = ARCHITECTURES[repr(experiment.arch)]
    assert (evaluation.test_limit, experiment.recipe.train_limit) == (None, None)
    return (
        job.config["dataset"]["name"],
        name,
        job.config["threat_model"]["name"],
        experiment.threat_model.epsilon,
        job.config["training_data"]["name"],
        job.config["defense"]["name"],
        getattr(experiment.defense, "lambda_", None),
        "targeted" if "targeted" in experiment.measurements else attack,
    )


@cache
def cells(name: str, *arguments: str) -> Counter[Cell]:
    """Every cell of a sweep, and with how many seeds."""
    return Counter(cell(job) for job in wanted(f"tao2022/{name}", *arguments))


@pytest.mark.parametrize("name", sorted(PAPER))
def test_a_sweep_holds_the_published_cells_and_no_others(name: str) -> None:
    found = cells(name)
    assert CELLS[name], "nothing was published under this name"
    assert CELLS[name] - set(found) == set(), "cells of the paper that the sweep lacks"
    assert set(found) - CELLS[name] == set(), "cells that the paper does not have there"
    assert set(found.values()) == {1 if name in ONE_SEED else 5}


def test_the_comparison_sees_a_cell_too_few_and_one_too_many() -> None:
    assert CELLS["table3"] - set(cells("table3", "training_data=quality")) == told("3", data="poisoning")
    more = "dataset=cifar10,cifar100,tiny_imagenet,svhn"
    assert set(cells("table3", more)) - CELLS["table3"] >= told("9")


def test_all_of_the_paper_is_every_cell_of_it() -> None:
    named = [job for name in PAPER for job in wanted(f"tao2022/{name}")]
    everything = {job.run_id: job.experiment.measurements for job in wanted(f"tao2022/{ALL}")}
    assert everything.keys() == {job.run_id for job in named}
    assert all(job.experiment.measurements.items() <= everything[job.run_id].items() for job in named)
    assert f"{len(jobs(f'tao2022/{ALL}'))} jobs" in header(f"tao2022/{ALL}")


def test_the_list_of_sweeps_has_the_numbers_of_their_headers() -> None:
    listed = {}
    for line in (Path(__file__).parents[2] / "sweeps" / "README.md").read_text("utf-8").splitlines():
        if names := re.findall(r"`([a-z]+\d*)`", line.split("|")[1]) if line.startswith("| `") else []:
            numbers = re.findall(r"\d+", line.split("|")[-2])
            listed |= dict(zip(names, numbers if len(numbers) > 1 else numbers * len(names), strict=True))
    assert set(listed) == {*PAPER, ALL}
    assert {name: re.findall(r"(\d+) jobs", header(f"tao2022/{name}"))[0] for name in listed} == listed


def test_the_number_of_cells_is_what_the_rows_say() -> None:
    counts = {name: len(found) for name, found in CELLS.items()}
    expected = {"table1": 15, "table3": 18, "table8": 12, "table9": 4, "table10": 18, "table14": 20, "table16": 2}
    assert {name: counts[name] for name in expected} == expected
    assert (counts["figure2"], counts["figure3"], counts["figure4"], counts["figure6"]) == (5, 8, 54, 18)


@pytest.mark.parametrize("name", ["table5", "table6", "table8", "table13", "table16", "figure5"])
@pytest.mark.parametrize("authors_code", ["false", "true"])
def test_one_resnet18_crafts_the_poisons_of_every_architecture(name: str, authors_code: str) -> None:
    """Whatever λ, the learning rate or the recipe of the run is."""
    poisoned = [
        job
        for job in wanted(f"tao2022/{name}", "seed=0", f"authors_code={authors_code}")
        if job.config["training_data"]["name"] == "poisoning"
    ]
    crafters = {job.config["dataset"]["name"]: set[str]() for job in poisoned}
    for job in poisoned:
        (needed,) = job.prerequisites
        crafters[job.config["dataset"]["name"]].add(training_id(needed.experiment))
        assert (needed.config["arch"]["name"], needed.config["arch"]["width"]) == ("resnet18", 64)
        assert (needed.config["training_data"]["name"], needed.config["defense"]["name"]) == (
            "quality",
            "standard",
        )
        rate = 0.01 if needed.config["dataset"]["name"] == "svhn" else 0.1
        assert needed.experiment.recipe.learning_rate == rate
        assert needed.experiment.recipe.optimizer == "sgd"
    assert {len(found) for found in crafters.values()} == {1}


def test_the_authors_mode_makes_one_poisoned_set_for_all_lambda() -> None:
    assert len(jobs("tao2022/table13", "seed=0", "authors_code=true")) == 19


@pytest.mark.parametrize(
    ("sweeps", "trained"),
    [
        (["table5", "table1"], 13),  # twelve of the table, and the ResNet-18 that crafts
        (["table5", "table6"], 16),  # poisons of another ball are other poisons
        (["table7", "table2"], 12),
        (["table8", "table9", "figure3", "figure5"], 20),
        (["table10", "table11", "table12", "figure4", "figure7"], 54),
        (["table13", "figure6"], 19),
        (["figure2", "table4"], 4),
    ],
)
def test_sweeps_that_share_cells_share_trainings(sweeps: list[str], trained: int) -> None:
    planned = [job for sweep in sweeps for job in jobs(f"tao2022/{sweep}", "seed=0")]
    assert len({training_id(job.experiment) for job in planned if trains(job.experiment)}) == trained


def test_a_header_names_its_table_or_figure_of_the_paper() -> None:
    root = Path(__file__).parents[2] / "sweeps" / "tao2022"
    for name in PAPER:
        kind, number = re.fullmatch(r"(table|figure)(\d+)", name).groups()  # type: ignore[union-attr]
        header = (root / f"{name}.yaml").read_text("utf-8")
        assert f"# {kind.capitalize()} {number} of Tao et al. 2022: " in header
