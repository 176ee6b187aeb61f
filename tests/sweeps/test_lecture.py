"""The sweeps of the lecture's figures hold what its text says of them: its words are here, apart from those."""

from __future__ import annotations

import re
from collections import Counter
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from composing import CONF
from named_sweeps import header, jobs, wanted
from typed_command import typed

from hypo.architectures.lenet import Lenet
from hypo.attacks.searches.projected_gradient import ProjectedGradient
from hypo.defenses.ensemble_at import EnsembleAt
from hypo.defenses.fgsm_at import FgsmAt
from hypo.defenses.pgd_at import PgdAt
from hypo.defenses.standard import Standard
from hypo.jobs.job import Job
from hypo.settings.identity import training_id

SWEEPS = CONF.parent / "sweeps"
FIGURES = {path.stem for path in (SWEEPS / "lecture").glob("*.yaml")}
SEEDS = {0, 1, 2}

FGSM_EXAMPLE = {"steps": 1, "relative_step": 1.0, "start": "clean"}
"""'Recall that FGSM follows x′ = x + ε sign(∇ₓ l(f(x), y))'."""


def is_fgsm(search: ProjectedGradient) -> bool:
    """One step of ε from the image itself, which is tried once."""
    found = {name: getattr(search, name) for name in FGSM_EXAMPLE}
    return found == FGSM_EXAMPLE and search.restarts == 1


def is_pgd(search: ProjectedGradient) -> bool:
    """'PGD computes several steps of this update to find the adversarial example'."""
    return search.steps > 1


def training(job: Job) -> str:
    """In the words of Section 5.2."""
    match job.experiment.defense:
        case Standard():
            return "standard"
        case FgsmAt(alpha=0):  # 'α = 0 corresponds to … minimization only on adversarial examples'
            return "FGSM"
        case EnsembleAt(alpha=0):  # 'craft adversarial examples …, and then we train A by those'
            return "ensemble"
        case PgdAt(attack=inner) if is_pgd(inner):
            return "PGD"
    raise AssertionError(f"the figure has no {job.experiment.defense}")


def attack(job: Job) -> str:
    """What the test data are perturbed by; every run has its clean accuracy too."""
    evaluation = job.experiment.evaluation
    assert (evaluation.objective, evaluation.then, evaluation.test_limit) == ("cross_entropy", {}, None)
    assert is_fgsm(evaluation.attack) or is_pgd(evaluation.attack)
    return "FGSM" if is_fgsm(evaluation.attack) else "PGD"


def setting(job: Job) -> tuple[Any, ...]:
    """Data set, norm and ε, on all of the data."""
    experiment = job.experiment
    assert (job.config["training_data"]["name"], experiment.recipe.train_limit) == ("quality", None)
    return job.config["dataset"]["name"], job.config["threat_model"]["name"], experiment.threat_model.epsilon


def test_figure_10_is_three_trainings_by_capacity_under_two_attacks() -> None:
    """'For MNIST with ℓ∞ ball, the standard value for ε is now considered to be 0.3'; 'low capacity (1 or 2)'."""
    asked = wanted("lecture/figure10")
    assert {setting(job) for job in asked} == {("mnist", "linf", 0.3)}
    found = Counter((job.experiment.arch, training(job), attack(job)) for job in asked)
    capacities = [Lenet(width) for width in (1, 2, 4, 8, 16)]
    assert set(found) == set(product(capacities, ("standard", "FGSM", "PGD"), ("FGSM", "PGD")))
    assert set(found.values()) == {len(SEEDS)}
    assert {job.config["seed"] for job in asked} == SEEDS
    assert len({training_id(job.experiment) for job in asked}) == len(asked) / 2, "one training for both attacks"
    assert len(jobs("lecture/figure10")) == len(asked), "it needs no other run"


def test_figure_12_is_two_trainings_on_clean_white_box_and_black_box_examples() -> None:
    """'Adversarial training … and ensemble adversarial training …, both with examples generated using FGSM'."""
    asked = wanted("lecture/figure12")
    assert {(setting(job), attack(job)) for job in asked} == {(("mnist", "linf", 0.3), "FGSM")}
    assert Counter(map(training, asked)) == {"FGSM": len(SEEDS), "ensemble": len(SEEDS)}
    others = set()
    for job in asked:
        experiment = job.experiment
        assert is_fgsm(experiment.measurements["transfer"].attack)  # type: ignore[attr-defined]
        black_boxes = experiment.needs["measurement.transfer"]  # 'FGSM attack that comes from other classifiers'
        assert {type(other.defense) for other in black_boxes} == {Standard}
        identities = {training_id(other) for other in black_boxes}
        held = {training_id(other) for other in experiment.needs.get("defense", ())}
        assert identities.isdisjoint({training_id(experiment), *held})
        assert len(held) == (3 if training(job) == "ensemble" else 0)  # 'models B, C, and D are pre-trained'
        others.add(frozenset(identities))
    assert len(others) == 1, "all are attacked from the same models"
    assert len(*others) > 1


def test_figure_13_is_pgd_training_under_pgd_of_other_strengths() -> None:
    """'Trained against PGD ℓ∞ adversaries with ε = 0.3 and ε = 8 respectively', which the ℓ∞ plots mark."""
    asked = wanted("lecture/figure13")
    trained_at = {"mnist": 0.3, "cifar10": 8 / 255}
    expected = [(dataset, "linf", epsilon) for dataset, epsilon in trained_at.items()]
    assert Counter(map(setting, asked)) == dict.fromkeys(expected, len(SEEDS))
    assert {training(job) for job in asked} == {"PGD"}
    for job in asked:
        curve, in_l2 = (job.config["measurement"][name] for name in ("epsilon_curve", "epsilon_curve_l2"))
        assert (curve["norm"] or "linf", in_l2["norm"]) == ("linf", "l2")
        assert job.experiment.threat_model.epsilon in curve["epsilons"]
        assert min(curve["epsilons"]) < job.experiment.threat_model.epsilon < max(curve["epsilons"])


def test_figures_that_share_models_share_trainings() -> None:
    widest = {training_id(job.experiment): training(job) for job in wanted("lecture/figure10", "arch.width=16")}
    for name, kind in (("figure12", "FGSM"), ("figure13", "PGD")):
        same = [job for job in wanted(f"lecture/{name}") if training(job) == kind and setting(job)[0] == "mnist"]
        assert {widest[training_id(job.experiment)] for job in same} == {kind}


def test_there_is_a_small_one_beside_each() -> None:
    assert {path.stem for path in (SWEEPS / "smoke" / "lecture").glob("*.yaml")} == FIGURES


@pytest.mark.parametrize("name", sorted(FIGURES))
def test_a_sweep_and_its_small_twin_compose_to_what_their_headers_say(name: str) -> None:
    def grid(planned: list[Job]) -> set[tuple[str, ...]]:
        return {tuple(job.config[group]["name"] for group in ("defense", "arch", "evaluation")) for job in planned}

    full, small = jobs(f"lecture/{name}"), jobs(f"smoke/lecture/{name}")
    for sweep, planned in [(f"lecture/{name}", full), (f"smoke/lecture/{name}", small)]:
        (said,) = re.findall(r"(\d+) jobs", header(sweep))
        assert len(planned) == int(said)
    assert grid(small) == grid(full)
    assert {job.config["dataset"]["name"] for job in small} == {"digits"}


def test_the_list_of_sweeps_has_the_numbers_of_their_headers() -> None:
    listed = dict(
        re.findall(
            r"^\| `lecture/(\w+)` \|.*\| (\d+) \|$", (SWEEPS / "README.md").read_text("utf-8"), re.MULTILINE
        )
    )
    assert listed == {name: re.findall(r"(\d+) jobs", header(f"lecture/{name}"))[0] for name in FIGURES}


@pytest.mark.parametrize("name", sorted(FIGURES))
def test_a_header_names_its_figure_of_the_lecture(name: str) -> None:
    number = name.removeprefix("figure")
    assert f"Figure {number} of IFT 6164, lecture 2" in header(f"lecture/{name}")


PART = {
    "figure10": ["arch=lenet", "arch.width=1", "evaluation=fgsm"],
    "figure12": [],
    "figure13": ["arch=lenet", "arch.width=1"],
}


@pytest.mark.parametrize("name", sorted(FIGURES))
def test_a_small_sweep_runs(name: str, tmp_path: Path, monkeypatch: Any, capsys: Any) -> None:
    monkeypatch.chdir(tmp_path)
    arguments = ["seed=0", *PART[name]]
    ended = typed(monkeypatch, capsys, "-m", f"+sweeps=smoke/lecture/{name}", *arguments)
    assert ended.code == 0, ended.err
    results = list((tmp_path / "outputs" / "runs").glob("*/result.json"))
    assert len(results) == len(jobs(f"smoke/lecture/{name}", *arguments)) > 1
