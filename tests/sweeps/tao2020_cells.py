"""What the text of Tao et al. 2020 says of each table and figure, in cells, and what it would call a run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from itertools import product
from typing import Any

import pytest
from named_sweeps import wanted

from hypo.attacks.searches.projected_gradient import ProjectedGradient
from hypo.attacks.threat_models.linf import Linf
from hypo.defenses.pgd_at import PgdAt
from hypo.defenses.standard import Standard
from hypo.defenses.thrm import Thrm
from hypo.defenses.trades import Trades
from hypo.jobs.job import Job
from hypo.settings.identity import trains

NAMES = {
    *(f"table{number}" for number in (1, 2, *range(4, 15))),
    *(f"figure{number}" for number in (1, *range(3, 9))),
}
"""Table 3 and Figures 2 and 9 to 12 are toy problems."""

Cell = tuple[Any, ...]
"""Data set, ε in 255ths, network, method, λ, attack and seed."""

SEEDS = (0, 1, 2)
"""'Each experiment is conducted 3 times with different random seeds.'"""

LAMBDAS = (0, 1, 5, 10, 20, 40, 60, 80, 100)
"""Not in the text: Tables 10 to 13 of Tao et al. 2022."""

NAIVE = ("vgg11", "vgg13", "vgg16", "vgg19", "resnet18", "resnet34", "resnet50", "resnet101", "resnet152")
"""'9 Naive models', 'in VGG family' and 'in ResNet family'."""

NETWORKS = {
    # 'a variant of LeNet …: 2 convolutional layers of sizes 32 and 64, and a fully connected layer of size 1024'
    "mnist": "Lenet(width=16)",
    # 'a Wide ResNet (with depth 28 and width factor 10)'
    "cifar10": "WideResnet(depth=28, width=10, initialisation='torchvision')",
}
TASKS = {"mnist": (51,), "cifar10": (1, 2, 8)}
"""'On MNIST … 0.2. On CIFAR-10 … 1/255, 2/255 and 8/255.'"""

ATTACKS = {
    # '50 steps PGD attacks (step size is ε/10) with 20 times of random restart on MNIST and CIFAR-10'
    ProjectedGradient(50, 0.1, 20, "uniform"): "test",
    # '50 steps PGD attacks (step size is ε/8) on ImageNet'
    ProjectedGradient(50, 0.125, 1, "uniform"): "test, ImageNet",
    # 'PGD attack 100 steps (step size is ε/50) with early stopping'
    ProjectedGradient(100, 0.02, 1, "clean"): "pictures",
}


def inner_attack(dataset: str, epsilon: int) -> ProjectedGradient:
    """'10 iterations (step size ε/4) when ε = 8/255, … 7 iterations (step size ε/3) when ε = 1/255 and 2/255'."""
    return ProjectedGradient(7, 1 / 3) if dataset == "cifar10" and epsilon < 8 else ProjectedGradient(10, 0.25)


def method(job: Job, dataset: str, epsilon: int) -> tuple[str, float | None]:
    """The method's name in the paper and its λ; its inner attack is that of the text."""
    if not trains(job.experiment):
        return ("Naive", None) if job.config["training_data"]["name"] == "naive" else ("Pretrained", None)
    assert job.config["training_data"]["name"] == "quality"
    match job.experiment.defense:
        case Standard():
            return "Standard", None
        case PgdAt(attack=attack):
            found: tuple[str, float | None] = "Madry", None
        case Thrm(lambda_=weight, attack=attack):
            found = "THRM", weight
        case Trades(lambda_=weight, attack=attack):
            found = "TRADES", weight
        case other:
            raise AssertionError(f"the paper has no {other}")
    assert attack == inner_attack(dataset, epsilon)
    return found


def cell(job: Job) -> Cell:
    """What the paper would call a run."""
    experiment, evaluation = job.experiment, job.experiment.evaluation
    assert isinstance(experiment.threat_model, Linf)
    dataset, epsilon = job.config["dataset"]["name"], 255 * experiment.threat_model.epsilon
    assert epsilon == pytest.approx(round(epsilon))
    name, weight = method(job, dataset, round(epsilon))
    if dataset == "imagenet":
        network = experiment.arch.name  # type: ignore[attr-defined]
        assert (experiment.arch.weights is None) == (name == "Naive")  # type: ignore[attr-defined]
    else:
        network = dataset
        assert repr(experiment.arch) == NETWORKS[dataset]
    assert (evaluation.objective, evaluation.success, evaluation.then) == ("cross_entropy", "any_iterate", {})
    return dataset, round(epsilon), network, name, weight, ATTACKS[evaluation.attack], job.config["seed"]


def cells(name: str) -> set[Cell]:
    found = Counter(map(cell, wanted(f"tao2020/{name}")))
    assert set(found.values()) == {1}
    return set(found)


def of(dataset: str, *methods: str, epsilon: int, seeds: Iterable[int] = SEEDS, attack: str = "test") -> set[Cell]:
    """Cells of methods such as "Madry" or "THRM 40"."""
    parts = [(*each.split(), None)[:2] for each in methods]
    weighted = [(name, None if weight is None else float(weight)) for name, weight in parts]
    return {(dataset, epsilon, dataset, *each, attack, seed) for each, seed in product(weighted, seeds)}


def curve(dataset: str, epsilon: int) -> set[Cell]:
    """'Each data point represents a model trained with different λ', by THRM and TRADES."""
    return of(dataset, *(f"{name} {weight}" for name in ("THRM", "TRADES") for weight in LAMBDAS), epsilon=epsilon)


def nine(dataset: str, epsilon: int) -> set[Cell]:
    """'9 models': 'naturally trained', 'randomly initialized', 'defended'; four of these are THRM and TRADES."""
    twice = of(dataset, "Standard", "Naive", epsilon=epsilon, seeds=(0, 1))
    defended = ("Madry", "THRM 5", "THRM 40", "TRADES 5", "TRADES 40")
    return twice | of(dataset, *defended, epsilon=epsilon, seeds=(0,))


IMAGENET = {("imagenet", 16, "resnet50", "Pretrained", None, "test, ImageNet", 0)} | {
    ("imagenet", 16, network, "Naive", None, "test, ImageNet", seed) for network in NAIVE for seed in SEEDS
}
"""'3 times …, except the standard models trained on ImageNet'; 'Attacks are bounded with ε = 16/255'."""

PANDA = {("imagenet", 2, "resnet50", "Pretrained", None, "pictures", 0)}
"""'We choose ResNet50 trained on ImageNet as the victim model'; 'the budget here is 2/255'."""

COMPARED = ("Standard", "Madry", "TRADES 6", "THRM 40")
CELLS: dict[str, set[Cell]] = {
    **dict.fromkeys(("table1", "table5"), of("mnist", "Standard", "Naive", epsilon=51)),
    **dict.fromkeys(("table2", "table6"), IMAGENET),
    **dict.fromkeys(("table4", "table7"), of("cifar10", "Standard", "Naive", epsilon=8)),
    **dict.fromkeys(("table8", "table13"), curve("mnist", 51)),
    "table9": curve("cifar10", 1),
    **dict.fromkeys(("table10", "table14"), curve("cifar10", 2)),
    "table11": curve("cifar10", 8),
    "table12": set[Cell]().union(
        *(of(dataset, *COMPARED, epsilon=each) for dataset, radii in TASKS.items() for each in radii)
    ),
    **dict.fromkeys(("figure1", "figure5"), PANDA),
    "figure3": curve("mnist", 51) | curve("cifar10", 2),  # 'MNIST (ε = 0.2) and CIFAR10 (ε = 2/255)'
    "figure4": of("mnist", "Standard", epsilon=51, seeds=(0,), attack="pictures")
    | of("cifar10", "Standard", epsilon=8, seeds=(0,), attack="pictures"),
    "figure6": curve("mnist", 51).union(*(curve("cifar10", each) for each in TASKS["cifar10"])),
    "figure7": nine("mnist", 51),
    "figure8": nine("cifar10", 8),
}
