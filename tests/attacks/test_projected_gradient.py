"""Projected gradient: what it finds on models whose best point is known, and what holds for every model."""

from __future__ import annotations

import copy
from functools import partial

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from small_attacks import FGSM, PIXELS, interior_images, random_generator
from small_models import InDouble, batch_norm_net, goals, linear_model
from torch import Tensor, nn

from hypo.attacks.goals.adversarial import Adversarial
from hypo.attacks.goals.hypocritical import Hypocritical
from hypo.attacks.goals.targeted import Targeted
from hypo.attacks.searches.projected_gradient import ProjectedGradient
from hypo.attacks.searches.search import best
from hypo.attacks.threat_models.l2 import L2
from hypo.attacks.threat_models.linf import Linf
from hypo.attacks.threat_models.threat_model import ThreatModel
from hypo.datasets.images import ImageData
from hypo.settings.errors import InputError

# From the far side of the sphere the direction across shrinks by 1/1.25 a step: 0.8^80 < 1e-7.
THOROUGH = ProjectedGradient(steps=80)

threat_kinds = st.sampled_from([Linf, L2])
starts = st.sampled_from(["uniform", "gaussian", "authors_code", "clean"])
seeds = st.integers(0, 10_000)


def dual_norm(kind: type, weight: Tensor) -> Tensor:
    return weight.norm(p=1 if kind is Linf else 2)


def two_classes(random: torch.Generator, images: Tensor) -> tuple[nn.Module, Tensor, Tensor]:
    """A linear model, the weight of its margin z₀ − z₁, and that margin at the images, some of either sign."""
    weight = torch.randn(2, PIXELS, generator=random)
    w = weight[0] - weight[1]
    bias = torch.tensor([-float(images.flatten(1).mean(0) @ w), 0.0])
    return linear_model(weight, bias), w, images.flatten(1) @ w + bias[0]


@given(threat_kinds, seeds, st.floats(1e-3, 0.2), st.sampled_from(["adversarial", "hypocritical"]))
@settings(max_examples=25)
def test_the_best_margin_of_a_linear_model_is_reached(kind: type, seed: int, epsilon: float, name: str) -> None:
    """The margin w·x gains ε‖w‖ in the dual norm, and no more."""
    random = random_generator(seed)
    images = interior_images(random)
    model, w, margin = two_classes(random, images)
    goal = goals(torch.zeros(len(images), dtype=torch.long))[name]
    clean = -margin if name == "adversarial" else margin
    perturbed = best(THOROUGH, model, images, goal, kind(epsilon), random)
    torch.testing.assert_close(
        goal.margin(model(perturbed)), clean + epsilon * dual_norm(kind, w), rtol=1e-4, atol=1e-5
    )


@given(threat_kinds, seeds)
@settings(max_examples=25)
def test_one_full_step_is_all_that_a_linear_model_takes(kind: type, seed: int) -> None:
    random = random_generator(seed)
    images = interior_images(random)
    model, w, margin = two_classes(random, images)
    labels = torch.zeros(len(images), dtype=torch.long)
    perturbed = FGSM.last(model, images, Adversarial(labels), kind(0.1), random)
    reached = Adversarial(labels).margin(model(perturbed))
    torch.testing.assert_close(reached, -margin + 0.1 * dual_norm(kind, w), rtol=1e-4, atol=1e-5)


@given(threat_kinds, seeds, st.integers(3, 6))
@settings(max_examples=25)
def test_the_best_margin_with_many_classes_is_reached(kind: type, seed: int, classes: int) -> None:
    """All classes but the target have the same weights, so that only biases decide between them."""
    random = random_generator(seed)
    images = interior_images(random)
    weight = torch.zeros(classes, PIXELS)
    weight[2] = torch.randn(PIXELS, generator=random)
    bias = torch.randn(classes, generator=random)
    model = linear_model(weight, bias)
    targets = torch.full((len(images),), 2)
    others = bias[torch.arange(classes) != 2].max()
    clean = images.flatten(1) @ weight[2] + bias[2] - others
    perturbed = best(THOROUGH, model, images, Targeted(targets), kind(0.1), random)
    largest = clean + 0.1 * dual_norm(kind, weight[2])
    torch.testing.assert_close(Targeted(targets).margin(model(perturbed)), largest, rtol=1e-4, atol=1e-5)


@given(threat_kinds, seeds)
@settings(max_examples=25)
def test_success_comes_exactly_when_epsilon_exceeds_the_distance_of_the_boundary(kind: type, seed: int) -> None:
    random = random_generator(seed)
    images = interior_images(random, batch=1)
    model, w, margin = two_classes(random, images)
    bias = 0.01 + 0.1 * torch.rand(1, generator=random)  # a margin of known size, on the right side
    with torch.no_grad():
        model[1].bias[0] += bias.item() * float(dual_norm(kind, w)) - float(margin)
    distance = bias.item()
    labels = torch.zeros(1, dtype=torch.long)
    for epsilon, succeeds in [(0.98 * distance, False), (1.02 * distance, True)]:
        perturbed = best(THOROUGH, model, images, Adversarial(labels), kind(epsilon), random_generator(seed))
        assert (model(perturbed).argmax(1) != labels).item() is succeeds
        # The false friend's task is the mirror image.
        friendly = best(THOROUGH, model, images, Hypocritical(1 - labels), kind(epsilon), random_generator(seed))
        assert (model(friendly).argmax(1) == 1 - labels).item() is succeeds


@given(threat_kinds, starts, seeds, st.floats(0.01, 0.6))
@settings(max_examples=40)
def test_results_lie_in_the_ball_and_in_the_image_range(kind: type, start: str, seed: int, epsilon: float) -> None:
    random = random_generator(seed)
    images = torch.rand(5, 1, 8, 8, generator=random)
    images[0] = images[0].round()
    labels = torch.randint(4, (5,), generator=random)
    attack = ProjectedGradient(steps=3, start=start, restarts=2)  # type: ignore[arg-type]
    model, threat_model = batch_norm_net(), kind(epsilon)
    for search in (attack.last, partial(best, attack)):
        perturbed = search(model, images, Hypocritical(labels), threat_model, random)
        assert threat_model.distance(perturbed, images).max() <= epsilon + 1e-6
        assert perturbed.min() >= 0
        assert perturbed.max() <= 1
        assert not perturbed.requires_grad


@pytest.mark.parametrize("start", ["uniform", "gaussian", "clean"])
@pytest.mark.parametrize("kind", [Linf, L2])
@pytest.mark.parametrize("name", ["adversarial", "hypocritical"])
def test_best_is_never_worse_than_clean_start_end_or_fewer_restarts(
    digits: ImageData, digits_cnn: nn.Module, start: str, kind: type, name: str
) -> None:
    images, labels = digits.test.images[:60].float() / 16, digits.test.labels[:60]
    threat_model: ThreatModel = kind(0.1 if kind is Linf else 0.4)
    goal = goals(labels)[name]

    model = InDouble(copy.deepcopy(digits_cnn))

    def margin(points: Tensor) -> Tensor:
        with torch.no_grad():
            return goal.margin(model(points))

    def attack(restarts: int) -> ProjectedGradient:
        return ProjectedGradient(steps=3, restarts=restarts, start=start)  # type: ignore[arg-type]

    one = best(attack(1), model, images, goal, threat_model, random_generator())
    three = best(attack(3), model, images, goal, threat_model, random_generator())
    noise = torch.randn(images.shape, generator=random_generator())
    began = threat_model.project(attack(1).begin(images, goal, threat_model, noise)["points"], images)
    assert (margin(one) >= margin(images)).all()
    assert (margin(one) >= margin(began)).all()
    assert (margin(three) >= margin(one)).all()
    assert margin(one).sum() > margin(images).sum()
    if start != "clean":
        assert margin(three).sum() > margin(one).sum()
    if start != "gaussian":  # there `last` begins outside the ball
        last = attack(1).last(model, images, goal, threat_model, random_generator())
        assert (margin(one) >= margin(last)).all()


@pytest.mark.parametrize("kind", [Linf, L2])
def test_restarts_start_again_from_the_images(digits: ImageData, digits_mlp: nn.Module, kind: type) -> None:
    """The second restart is the search that begins with the generator's next noise."""
    images, labels = digits.test.images[:40].float() / 16, digits.test.labels[:40]
    threat_model, goal = kind(0.1), Adversarial(labels)
    single = ProjectedGradient(steps=4)
    random = random_generator()
    searches = [best(single, digits_mlp, images, goal, threat_model, random) for _ in range(2)]
    margins = torch.stack([goal.margin(digits_mlp(points)) for points in searches])
    expected = torch.stack(searches)[margins.argmax(0), torch.arange(40)]
    both = best(ProjectedGradient(steps=4, restarts=2), digits_mlp, images, goal, threat_model, random_generator())
    assert torch.equal(both, expected)


def test_targeted_at_the_label_is_the_hypocritical_attack(digits: ImageData, digits_mlp: nn.Module) -> None:
    images, labels = digits.test.images[:50].float() / 16, digits.test.labels[:50]
    attack = ProjectedGradient(steps=5)
    found = [
        best(attack, digits_mlp, images, goal, Linf(0.1), random_generator())
        for goal in (Targeted(labels), Hypocritical(labels))
    ]
    assert torch.equal(*found)


@pytest.mark.parametrize(
    ("setting", "value"),
    [("steps", 0), ("steps", 1.5), ("relative_step", 0), ("relative_step", -1), ("restarts", 0), ("start", "no")],
)
def test_settings_are_checked(setting: str, value: object) -> None:
    with pytest.raises(InputError, match=f"^{setting}: takes"):
        ProjectedGradient(**{setting: value})  # type: ignore[arg-type]
