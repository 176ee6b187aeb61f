from __future__ import annotations

import copy
import importlib
import inspect
import pkgutil
from dataclasses import dataclass, is_dataclass
from pathlib import Path

import pytest
import torch
from small_models import batch_norm_net, goals
from torch import Tensor, nn

import hypo.defenses
from hypo.attacks.goals.goal import Goal
from hypo.attacks.goals.stability import Stability
from hypo.attacks.searches.projected_gradient import ProjectedGradient
from hypo.attacks.threat_models.l2 import L2
from hypo.attacks.threat_models.linf import Linf
from hypo.datasets.images import ImageData
from hypo.defenses.defense import Defense, Loss
from hypo.defenses.pgd_at import PgdAt
from hypo.defenses.standard import Standard
from hypo.defenses.thrm import Thrm
from hypo.defenses.trades import Trades
from hypo.settings.errors import InputError
from hypo.training.step import train_step

ATTACK = ProjectedGradient(steps=3, relative_step=0.4)
THREAT_MODEL = Linf(0.1)


@dataclass(frozen=True)
class Case:
    """A defense, and how it is to be computed by hand."""

    defense: Defense
    goal: str | None  # of the inner attack
    clean: bool  # is there a cross-entropy on the clean images?
    penalty: float  # weight of KL(clean ‖ perturbed)


DEFENSES = {
    "standard": Case(Standard(), goal=None, clean=True, penalty=0),
    "pgd_at": Case(PgdAt(ATTACK), goal="adversarial", clean=False, penalty=0),
    "trades": Case(Trades(5.0, ATTACK), goal="stability", clean=True, penalty=5),
    "thrm": Case(Thrm(5.0, ATTACK), goal="hypocritical", clean=True, penalty=5),
}


ELSEWHERE = {"none"}  # of a model that is not trained


def defined() -> set[str]:
    """Every module of hypo.defenses with a dataclass of its own that has a loss."""
    found = set()
    for module in pkgutil.iter_modules(hypo.defenses.__path__):
        members = vars(importlib.import_module(f"hypo.defenses.{module.name}"))
        for member in members.values():
            own = inspect.isclass(member) and member.__module__ == f"hypo.defenses.{module.name}"
            if own and is_dataclass(member) and hasattr(member, "loss"):
                found.add(module.name)
    return found - ELSEWHERE


@pytest.fixture(params=sorted(DEFENSES))
def case(request: pytest.FixtureRequest) -> Case:
    return DEFENSES[request.param]


def batch(data: ImageData, size: int = 30) -> tuple[Tensor, Tensor]:
    return data.train.images[:size].float() / data.maximum, data.train.labels[:size]


def random_generator() -> torch.Generator:
    return torch.Generator().manual_seed(5)


def net_without_dropout() -> nn.Module:
    """Two forwards of it are alike, which two of a dropout layer are not."""
    model = batch_norm_net()
    model[3] = nn.Identity()
    return model.train()


def by_hand(case: Case, model: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
    """The loss from the papers' formulas, in probabilities, clean logits not detached."""
    model = copy.deepcopy(model)
    frozen = copy.deepcopy(model).eval()
    if case.goal:
        clean = frozen(images).detach()
        inner: dict[str, Goal] = {**goals(labels), "stability": Stability(clean)}
        perturbed = ATTACK.last(frozen, images, inner[case.goal], THREAT_MODEL, random_generator())
    loss = torch.zeros(())
    if case.clean:
        p = model(images).softmax(1)
        loss = loss - p[torch.arange(len(labels)), labels].log().mean()
    if case.goal:
        q = model(perturbed).softmax(1)
        if case.penalty:
            loss = loss + case.penalty * (p * (p / q).log()).sum(1).mean()
        else:
            loss = loss - q[torch.arange(len(labels)), labels].log().mean()
    gradients = torch.autograd.grad(loss, list(model.parameters()))
    return torch.cat([loss.detach().view(1), *(gradient.flatten() for gradient in gradients)])


def computed(case: Case, model: nn.Module, images: Tensor, labels: Tensor) -> tuple[Loss, Tensor]:
    loss = case.defense.loss(model, images, labels, THREAT_MODEL, random_generator())
    gradients = torch.autograd.grad(loss.value, list(model.parameters()))
    return loss, torch.cat([loss.value.detach().view(1), *(gradient.flatten() for gradient in gradients)])


def test_every_defense_is_tested() -> None:
    """Here, by a case, or in a file of its own, called after it."""
    files = {path.stem.removeprefix("test_") for path in Path(__file__).parent.glob("test_*.py")}
    assert defined() - files == set(DEFENSES)


def test_loss_and_gradient_are_those_of_the_formula(case: Case, stripes: ImageData) -> None:
    """The gradient as well: a detached clean distribution would leave the loss as it is."""
    model, (images, labels) = net_without_dropout(), batch(stripes)
    expected = by_hand(case, model, images, labels)
    _, found = computed(case, model, images, labels)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=2e-5)


@pytest.mark.parametrize("defense", [Thrm(5.0, ATTACK), Trades(5.0, ATTACK)])
def test_gradients_flow_through_the_clean_logits(defense: Defense, stripes: ImageData) -> None:
    model, (images, labels) = net_without_dropout(), batch(stripes)
    loss = defense.loss(model, images, labels, THREAT_MODEL, random_generator())
    assert loss.clean_logits is not None
    assert loss.perturbed_logits is not None
    penalty = loss.value - nn.functional.cross_entropy(loss.clean_logits, labels)
    (through_clean,) = torch.autograd.grad(penalty, loss.clean_logits, retain_graph=True)
    assert through_clean.abs().max() > 1e-4


def test_logits_are_reported_where_they_were_computed(case: Case, stripes: ImageData) -> None:
    model, (images, labels) = net_without_dropout(), batch(stripes)
    loss, _ = computed(case, model, images, labels)
    assert (loss.clean_logits is not None) == case.clean
    assert (loss.perturbed_logits is not None) == (case.goal is not None)


def test_the_inner_attack_draws_from_its_generator_alone(case: Case, stripes: ImageData) -> None:
    model, (images, labels) = net_without_dropout(), batch(stripes)
    before = torch.get_rng_state()
    _, once = computed(case, copy.deepcopy(model), images, labels)
    assert torch.equal(before, torch.get_rng_state())
    _, again = computed(case, copy.deepcopy(model), images, labels)
    assert torch.equal(once, again)
    other = case.defense.loss(copy.deepcopy(model), images, labels, THREAT_MODEL, torch.Generator().manual_seed(6))
    assert (other.value.item() != once[0].item()) == (case.goal is not None)


def test_the_inner_attack_sees_eval_mode_and_the_loss_train_mode(case: Case, stripes: ImageData) -> None:
    model, (images, labels) = net_without_dropout(), batch(stripes)
    seen: list[tuple[bool, bool]] = []
    model[1].register_forward_hook(
        lambda module, inputs, output: seen.append((module.training, output.requires_grad))
    )
    case.defense.loss(model, images, labels, THREAT_MODEL, random_generator())
    in_training = [training for training, _ in seen]
    forwards = case.clean + (case.goal is not None)
    attack_forwards = (ATTACK.steps if case.goal else 0) + (case.goal == "stability")
    assert in_training == [False] * attack_forwards + [True] * forwards
    assert model[1].num_batches_tracked == forwards
    assert all(module.training for module in model.modules())


def trained(defense: Defense, data: ImageData, threat_model: Linf | L2 = THREAT_MODEL) -> nn.Module:
    """Four steps, batch-norm and dropout in the model."""
    model = batch_norm_net().train()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=5e-4)
    torch.manual_seed(0)
    random = random_generator()
    for begin in range(0, 80, 20):
        images = data.train.images[begin : begin + 20].float() / data.maximum
        train_step(model, optimizer, images, data.train.labels[begin : begin + 20], defense, threat_model, random)
    return model


@pytest.mark.parametrize("defense", [Thrm, Trades])
@pytest.mark.parametrize("threat_model", [Linf(0.1), L2(0.5)])
def test_lambda_0_is_standard_training_bit_by_bit(
    defense: type, threat_model: Linf | L2, stripes: ImageData
) -> None:
    """Weights and batch-norm buffers alike; no inner attack is run."""
    standard = trained(Standard(), stripes, threat_model).state_dict()
    at_0 = trained(defense(0.0, ATTACK), stripes, threat_model).state_dict()
    at_1 = trained(defense(1.0, ATTACK), stripes, threat_model).state_dict()
    assert set(standard) == set(at_0)
    assert all(torch.equal(value, at_0[name]) for name, value in standard.items())
    assert not torch.equal(standard["0.weight"], at_1["0.weight"])
    assert not torch.equal(standard["1.running_mean"], at_1["1.running_mean"])


@pytest.mark.parametrize("defense", [Thrm, Trades])
@pytest.mark.parametrize("lambda_", [-1, float("nan"), float("inf")])
def test_lambda_must_be_a_number_from_0(defense: type, lambda_: float) -> None:
    with pytest.raises(InputError, match=r"^lambda: takes a number >= 0"):
        defense(lambda_, ATTACK)
