"""The sweeps of Ilyas et al. 2019 hold what its text says of them: its words are here, apart from those."""

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

from hypo.attacks.threat_models.l2 import L2
from hypo.defenses.pgd_at import PgdAt
from hypo.defenses.standard import Standard
from hypo.jobs.job import Job
from hypo.measurements.transfer import Transfer
from hypo.settings.identity import training_id
from hypo.training_data.flipped_features import FlippedFeatures
from hypo.training_data.quality import Quality
from hypo.training_data.restricted_features import RestrictedFeatures

SWEEPS = CONF.parent / "sweeps"
NAMES = {path.stem for path in (SWEEPS / "ilyas2019").glob("*.yaml")}

ARCHITECTURES = {"vgg16", "inception_v3", "resnet18", "densenet121", "resnet50"}
"""The points of Figure 3: VGG-16, Inception-v3, ResNet-18, DenseNet and ResNet-50."""


def set_of(job: Job) -> str:
    """In the words of Section 3, by what is done and not by what an option is called."""
    experiment = job.experiment
    match experiment.training_data:
        case Quality():
            return "D"
        case RestrictedFeatures(start="image") as made_by:  # 'drawn from D independently of the label of x'
            (g,) = made_by.prerequisites(experiment)
            # 'given a robust (i.e., adversarially trained) model'; 'using a standard (non-robust) model for C'
            return "D_R" if trained(g) == "adversarial" else "D_NR"
        case FlippedFeatures(threat_model=L2()) as made_by:
            (f,) = made_by.prerequisites(experiment)
            assert trained(f) == "standard"  # 'the loss under a standard (non-robust) classifier C'
            # '(a) uniformly at random … or (b) deterministically according to the source class'
            return {"uniform": "D_rand", "next": "D_det"}[made_by.targets]
    raise AssertionError(f"the paper has no {experiment.training_data}")


def trained(experiment: Any) -> str:
    match experiment.defense:
        case Standard():
            return "standard"
        case PgdAt() if experiment.threat_model == L2(0.5):
            return "adversarial"
    raise AssertionError(f"the paper has no {experiment.defense} in {experiment.threat_model}")


def dataset(job: Job) -> str:
    """All of it, in ℓ2."""
    experiment = job.experiment
    assert (experiment.recipe.train_limit, experiment.evaluation.test_limit) == (None, None)
    assert experiment.threat_model == L2(0.5)
    return str(job.config["dataset"]["name"])


def network(job: Job) -> str:
    return str(job.config["arch"]["name"])


def made_on(job: Job) -> set[str]:
    """The trainings that a run needs."""
    return {training_id(needed) for needed in job.experiment.needs.get("training_data", ())}


def test_figure_2_is_three_standard_trainings_and_an_adversarial_one_at_two_radii() -> None:
    """'(i) standard training (on D); (ii) … D̂NR; (iii) adversarial training (on D); and (iv) … D̂R'."""
    asked = wanted("ilyas2019/figure2")
    found = [(dataset(job), network(job), trained(job.experiment), set_of(job)) for job in asked]
    bars = [("standard", "D"), ("standard", "D_NR"), ("adversarial", "D"), ("standard", "D_R")]
    assert Counter(found) == Counter(("cifar10", "resnet50", *bar) for bar in bars)
    for job in asked:
        curve: Any = job.experiment.measurements["epsilon_curve"]
        assert 0.25 in curve.epsilons  # the axis: 'Adv accuracy (ε = 0.25)'
        assert curve.norm is None
    # 'Models trained on D̂R and D̂NR reflect the original models used to create them': these are beside them.
    by_bar = {(trained(job.experiment), set_of(job)): job for job in asked}
    adversarial, standard = (training_id(by_bar[kind, "D"].experiment) for kind in ("adversarial", "standard"))
    assert made_on(by_bar["standard", "D_R"]) == {adversarial}
    assert made_on(by_bar["standard", "D_NR"]) == {standard}


def test_table_1_is_three_training_sets_of_two_data_sets() -> None:
    """'Test accuracy (on D) of classifiers trained on the D, D̂rand, and D̂det training sets'."""
    asked = wanted("ilyas2019/table1")
    rows = product(("cifar10", "restricted_imagenet"), ("D", "D_rand", "D_det"))
    assert Counter((dataset(job), set_of(job)) for job in asked) == Counter(rows)
    assert {trained(job.experiment) for job in asked} == {"standard"}
    on_cifar10 = {job.run_id for job in asked if dataset(job) == "cifar10"}
    assert on_cifar10 == {job.run_id for job in wanted("ilyas2019/table1_cifar10")}
    for name in ("cifar10", "restricted_imagenet"):
        of_one = {set_of(job): job for job in asked if dataset(job) == name}
        assert made_on(of_one["D_rand"]) == made_on(of_one["D_det"]) == {training_id(of_one["D"].experiment)}


def test_figure_3_is_five_networks_trained_on_d_det_and_attacked_from_the_model_that_it_is_made_on() -> None:
    """'we train five different architectures on the dataset … for a standard ResNet-50'."""
    asked = wanted("ilyas2019/figure3")
    assert {dataset(job) for job in asked} == {"cifar10"}
    assert Counter((network(job), set_of(job)) for job in asked) == Counter(product(ARCHITECTURES, ("D_det", "D")))
    assert {trained(job.experiment) for job in asked} == {"standard"}
    (original,) = set[str]().union(*map(made_on, asked))
    for job in asked:
        if set_of(job) == "D_det":
            continue
        assert isinstance(job.experiment.measurements["transfer"], Transfer)
        # 'how often adversarial examples transfer from the original model to standard classifiers'
        (source,) = job.experiment.needs["measurement.transfer"]
        assert training_id(source) == original != training_id(job.experiment)
    of_table = [job for job in wanted("ilyas2019/table1_cifar10") if set_of(job) == "D"]
    assert [training_id(job.experiment) for job in of_table] == [original]
    assert [network(job) for job in of_table] == ["resnet50"]


def test_architectures_are_those_of_figure_3_on_the_sets_of_figure_2() -> None:
    """'the same results for both … if we train with different architectures than that of the original models'."""
    asked = wanted("ilyas2019/architectures")
    assert {dataset(job) for job in asked} == {"cifar10"}
    assert Counter((network(job), set_of(job)) for job in asked) == Counter(
        product(ARCHITECTURES, ("D_R", "D_NR"))
    )
    of_figure = {set_of(job): job for job in wanted("ilyas2019/figure2") if set_of(job) != "D"}
    for job in asked:
        assert made_on(job) == made_on(of_figure[set_of(job)])
    same = {job.run_id for job in asked if network(job) == "resnet50"}
    assert same == {job.run_id for job in of_figure.values()}


@pytest.mark.parametrize("name", sorted(NAMES))
def test_training_sets_are_made_as_the_published_appendix_says(name: str) -> None:
    for job in wanted(f"ilyas2019/{name}"):
        made_by: Any = job.experiment.training_data
        if set_of(job) in ("D_R", "D_NR"):
            assert (made_by.steps, made_by.step_length) == (1000, 0.1)
        elif set_of(job) != "D":
            assert (made_by.threat_model, made_by.attack.steps) == (L2(0.5), 100)
            assert made_by.attack.relative_step * made_by.threat_model.epsilon == pytest.approx(0.1)
        for needed in job.experiment.needs.get("training_data", ()):
            if trained(needed) == "adversarial":
                assert (needed.defense.attack.steps, needed.defense.attack.relative_step) == (7, 0.2)


@pytest.mark.parametrize("name", sorted(NAMES))
def test_a_sweep_and_its_small_twin_compose_to_what_their_headers_say(name: str) -> None:
    def grid(planned: list[Job]) -> set[tuple[str, ...]]:
        return {tuple(job.config[group]["name"] for group in ("defense", "training_data")) for job in planned}

    full, small = jobs(f"ilyas2019/{name}"), jobs(f"smoke/ilyas2019/{name}")
    for sweep, planned in [(f"ilyas2019/{name}", full), (f"smoke/ilyas2019/{name}", small)]:
        (said,) = re.findall(r"(\d+) jobs", header(sweep))
        assert len(planned) == int(said)
    assert grid(small) == grid(full)
    assert {job.config["dataset"]["name"] for job in small} == {"digits"}
    several = {len({network(job) for job in planned}) for planned in (full, small)}
    assert len(several) == 1, "as many networks"


def test_there_is_a_small_one_beside_each() -> None:
    assert {path.stem for path in (SWEEPS / "smoke" / "ilyas2019").glob("*.yaml")} == NAMES


def test_the_list_of_sweeps_has_the_numbers_of_their_headers() -> None:
    text = (SWEEPS / "README.md").read_text("utf-8")
    listed = dict(re.findall(r"^\| `ilyas2019/(\w+)` \|.*\| (\d+) \|$", text, re.MULTILINE))
    assert listed == {name: re.findall(r"(\d+) jobs", header(f"ilyas2019/{name}"))[0] for name in NAMES}


@pytest.mark.parametrize("name", sorted(NAMES))
def test_a_header_names_its_place_in_the_paper(name: str) -> None:
    kind, number = re.fullmatch(r"(table|figure|architectures)(\d*)\w*", name).groups()  # type: ignore[union-attr]
    place = f"{kind.capitalize()} {number}" if number else "Section 3.1"
    assert f"{place} of Ilyas et al. 2019" in header(f"ilyas2019/{name}")


def test_a_small_sweep_runs(tmp_path: Path, monkeypatch: Any, capsys: Any) -> None:
    monkeypatch.chdir(tmp_path)
    arguments = ["seed=0", "recipe.epochs=1", "evaluation.test_limit=20"]
    ended = typed(monkeypatch, capsys, "-m", "+sweeps=smoke/ilyas2019/figure2", *arguments)
    assert ended.code == 0, ended.err
    results = list((tmp_path / "outputs" / "runs").glob("*/result.json"))
    assert len(results) == len(jobs("smoke/ilyas2019/figure2", *arguments)) == 4
