"""Single steps up the loss of held models: whose, how often, and what becomes of these models."""

from __future__ import annotations

import copy
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch
from composing import job as composed
from forwards import recorded
from small_jobs import THRM, Silent, done, job
from small_models import ConvolutionBatchNorm, Exploding, Stripes, batch_norm_net, linear_model, small_experiment
from torch import Tensor, nn
from torch.nn import functional as F

from hypo.architectures.mlp import Mlp
from hypo.attacks.threat_models.l2 import L2
from hypo.attacks.threat_models.linf import Linf
from hypo.datasets.images import ImageData
from hypo.defenses.ensemble_at import AmongModels, EnsembleAt
from hypo.defenses.fgsm_at import FgsmAt
from hypo.defenses.none import NoDefense
from hypo.defenses.standard import Standard
from hypo.jobs.attempt import attempt
from hypo.jobs.experiment import Experiment
from hypo.runs.loading import load_model
from hypo.settings.errors import InputError
from hypo.settings.identity import run_id
from hypo.settings.other_run import OtherRun
from hypo.training.step import train_step
from hypo.training_data.naive import Naive

HELD = {"same": OtherRun(seed=100), "mlp": OtherRun(arch=Mlp((8,)), seed=100)}


def batch(data: ImageData, size: int = 20) -> tuple[Tensor, Tensor]:
    return data.train.images[:size].float() / data.maximum, data.train.labels[:size]


def ensemble(seed: int, held: int = 3) -> list[nn.Module]:
    torch.manual_seed(seed)
    return [Mlp((8,)).build((1, 8, 8), 4).eval() for _ in range(held)]


def sources(defense: AmongModels, model: nn.Module, data: ImageData, steps: int) -> list[int]:
    """Which model each of several steps took its gradient from; the last number is that of `model` itself."""
    images, labels = batch(data, 4)
    random = torch.Generator().manual_seed(1)
    found = []
    for _ in range(steps):
        counts = []
        for source in (*defense.held, model):
            with recorded(source) as passes:
                state = random.get_state()
                defense.loss(model, images, labels, Linf(0.1), random)
            random.set_state(state)
            counts.append(sum(not each.training for each in passes))
        defense.loss(model, images, labels, Linf(0.1), random)
        assert sorted(counts) == [0] * len(defense.held) + [1], "one gradient a step, and always the same one"
        found.append(counts.index(1))
    return found


@pytest.mark.parametrize("own", [True, False])
def test_every_source_has_its_turn_as_often_as_the_others(own: bool, stripes: ImageData) -> None:
    defense = AmongModels(tuple(ensemble(0)), alpha=0.0, own=own)
    found = Counter(sources(defense, batch_norm_net().train(), stripes, steps=120))
    assert set(found) == set(range(4 if own else 3))
    for count in found.values():  # five standard deviations of a fair choice
        share = 1 / len(found)
        assert abs(count - 120 * share) < 5 * (120 * share * (1 - share)) ** 0.5


@pytest.mark.parametrize("alpha", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("threat_model", [Linf(0.1), L2(0.5)], ids=["linf", "l2"])
def test_the_loss_is_on_a_step_along_the_gradient_of_the_source(alpha: float, threat_model: Linf | L2) -> None:
    """By hand, with linear models: the gradient of the cross-entropy goes along w_other − w_y of the source."""
    generator = torch.Generator().manual_seed(0)
    images, labels = 0.4 + 0.2 * torch.rand(6, 1, 3, 3, generator=generator), torch.arange(6) % 2
    source, trained = (torch.randn(2, 9, generator=generator) for _ in range(2))
    upward = source[1 - labels] - source[labels]
    unit = upward.sign() if isinstance(threat_model, Linf) else upward / upward.norm(dim=1, keepdim=True)
    perturbed = images.flatten(1) + threat_model.epsilon * unit
    clean_error, perturbed_error = (
        F.cross_entropy(each @ trained.T, labels) for each in (images.flatten(1), perturbed)
    )
    defense = AmongModels((linear_model(source),), alpha, own=False)
    loss = defense.loss(linear_model(trained), images, labels, threat_model, generator)
    torch.testing.assert_close(loss.value, alpha * clean_error + (1 - alpha) * perturbed_error)
    assert (loss.clean_logits is not None, loss.perturbed_logits is not None) == (alpha > 0, alpha < 1)


def test_a_step_leaves_held_models_as_they_are_and_teaches_the_trained_one(stripes: ImageData) -> None:
    held = batch_norm_net().eval()
    before = copy.deepcopy(held.state_dict())
    model = batch_norm_net().train()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    images, labels = batch(stripes)
    defense = AmongModels((held,), alpha=0.5, own=False)
    with recorded(held) as passes:
        train_step(model, optimizer, images, labels, defense, Linf(0.1), torch.Generator().manual_seed(0))
    assert [(each.training, each.weights) for each in passes] == [(False, False)]
    assert all(torch.equal(value, before[name]) for name, value in held.state_dict().items())
    assert all(parameter.grad is None for parameter in held.parameters())
    assert not torch.equal(model.state_dict()["0.weight"], before["0.weight"])


def test_its_own_examples_alone_are_fgsm_training(stripes: ImageData) -> None:
    """A held model that is the trained one gives the same example as that: so any draw is FGSM-AT."""
    model, (images, labels) = batch_norm_net().eval(), batch(stripes)
    mixed = AmongModels((copy.deepcopy(model),), alpha=0.5, own=True)
    expected, found = (
        defense.loss(model, images, labels, Linf(0.1), torch.Generator().manual_seed(0)).value
        for defense in (FgsmAt(0.5), mixed)
    )
    assert torch.equal(found, expected)


def test_held_models_are_standard_ones_unless_they_are_said_to_be_others(tmp_path: Path) -> None:
    """Of the run's own defense they would need themselves."""
    recorded_run = small_experiment(THRM, seed=3)
    held = {
        **HELD,
        "defended": OtherRun(defense=THRM),
        "naive": OtherRun(training_data=Naive()),
        "there": OtherRun(run=str(done(tmp_path, recorded_run))),
    }
    experiment = small_experiment(EnsembleAt(held), seed=5)
    same, mlp, defended, naive, there = experiment.prerequisites
    assert (same.arch, same.defense, same.seed) == (ConvolutionBatchNorm(), Standard(), 100)
    assert (mlp.arch, mlp.defense, mlp.seed) == (Mlp((8,)), Standard(), 100)
    assert (defended.defense, defended.seed, naive.defense) == (THRM, 5, NoDefense())
    assert run_id(there) == run_id(recorded_run)


def run_with(tmp_path: Path, **changes: Any) -> Path:
    return done(tmp_path, small_experiment(EnsembleAt(HELD), **changes))


def test_a_whole_run_has_its_own_model_alone(tmp_path: Path) -> None:
    path = run_with(tmp_path)
    names = set(load_model(path).state_dict())
    assert names == set(small_experiment(Standard()).build_model(Stripes().load()).state_dict())
    assert len(list((tmp_path / "runs").iterdir())) == 3


def test_who_is_held_and_how_decides_the_run() -> None:
    def identity(**changes: Any) -> str:
        return run_id(small_experiment(EnsembleAt(**{"held": HELD, **changes})))

    ids = {identity(), identity(alpha=0.5), identity(own=False), identity(held={"same": HELD["same"]})}
    assert len(ids) == 4
    assert identity(held={"x": HELD["same"], "y": HELD["mlp"]}) == identity(), "names change nothing"


def test_a_held_model_that_failed_is_named(tmp_path: Path) -> None:
    held = {"broken": OtherRun(defense=Exploding())}
    needing = job(tmp_path, small_experiment(EnsembleAt(held)))
    (needed,) = needing.prerequisites
    needed.create()
    assert attempt(needed, Silent()).cause == "diverged"
    outcome = attempt(needing, Silent())
    assert (outcome.state, outcome.cause) == ("failed", "prerequisite failed")
    assert f"needs the model of {needed.directory.path.name}, which is failed: diverged" in str(outcome.reason)


@pytest.mark.parametrize("other", [Stripes(classes=3), Stripes(classes=5)])
def test_held_models_of_other_classes_are_refused_before_anything_starts(tmp_path: Path, other: Stripes) -> None:
    there = OtherRun(run=str(done(tmp_path, small_experiment(Standard(), dataset=other))))
    experiment = small_experiment(EnsembleAt({"there": there}))
    told = r"^defense: takes models of 1x8x8 images in 4 classes, got one of 1x8x8 images in [35] classes$"
    with pytest.raises(InputError, match=told):
        experiment.check()
    small_experiment(EnsembleAt(HELD)).check()


def test_without_a_held_model_there_is_no_ensemble() -> None:
    with pytest.raises(InputError, match=r"^held: takes at least one other run by a name, got none$"):
        EnsembleAt({})


@pytest.mark.parametrize("dataset", ["digits", "mnist", "cifar10"])
def test_the_first_try_holds_three_models_that_fit_any_data_set(dataset: str) -> None:
    def held(*typed: str) -> list[Experiment]:
        return [
            needed.experiment
            for needed in composed(f"dataset={dataset}", "defense=ensemble_at", *typed).prerequisites
        ]

    first = held()
    assert len({run_id(each) for each in first}) == 3
    assert composed(f"dataset={dataset}").experiment.arch in [each.arch for each in first]
    assert held("seed=4") == first, "the runs of all seeds share them"
    for each in first:
        assert each.defense == Standard()
        each.check(here=False)
