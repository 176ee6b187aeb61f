"""Single steps: their length, their direction, and what they do where there is none."""

from __future__ import annotations

import copy

import pytest
import torch
from small_attacks import FGSM, PIXELS, interior_images, random_generator
from small_models import InDouble, linear_model
from torch import Tensor, nn

from hypo.attacks.goals.adversarial import Adversarial
from hypo.attacks.goals.goal import PerExample
from hypo.attacks.goals.hypocritical import Hypocritical
from hypo.attacks.goals.stability import Stability
from hypo.attacks.goals.targeted import Targeted
from hypo.attacks.model_state import attacked
from hypo.attacks.searches.projected_gradient import ProjectedGradient
from hypo.attacks.threat_models.l2 import L2
from hypo.attacks.threat_models.linf import Linf
from hypo.datasets.images import ImageData


def test_steps_have_the_length_that_was_asked_for() -> None:
    images = interior_images(random_generator())
    model = linear_model(torch.randn(2, PIXELS, generator=random_generator(1)))
    goal = Hypocritical(torch.zeros(len(images), dtype=torch.long))
    noise = torch.zeros_like(images)
    for threat_model in (Linf(0.1), L2(0.1)):
        with attacked(model):
            state = {"points": images, "noise": noise}
            visit = ProjectedGradient(relative_step=0.25).step(model, state, images, goal, threat_model, 0)
        distance = threat_model.distance(visit.state["points"], images)
        torch.testing.assert_close(distance, torch.full((len(images),), 0.025))


@pytest.mark.parametrize("kind", [Linf, L2])
@pytest.mark.parametrize("batch", [1, 7])
def test_steps_do_not_depend_on_the_batch(
    digits: ImageData, digits_cnn: nn.Module, kind: type, batch: int
) -> None:
    """An averaged loss would divide the gradient by the batch size, and rounding decide for small ones."""
    model = InDouble(copy.deepcopy(digits_cnn))
    images, labels = digits.test.images[:50].float() / 16, digits.test.labels[:50]
    noise = torch.randn(images.shape, generator=random_generator())
    threat_model, attack = kind(0.2), ProjectedGradient()

    def search(part: slice) -> Tensor:
        goal = PerExample(labels[part] > 4, Adversarial(labels[part]), Hypocritical(labels[part]))
        state = attack.begin(images[part], goal, threat_model, noise[part])
        for number in range(5):
            state = attack.step(model, state, images[part], goal, threat_model, number).state
        return state["points"]

    with attacked(model):
        together = search(slice(50))
        apart = torch.cat([search(slice(begin, begin + batch)) for begin in range(0, 50, batch)])
    torch.testing.assert_close(together, apart, rtol=0, atol=1e-6)


def test_the_gradient_that_is_followed_is_of_the_sum() -> None:
    """In ℓ2 a gradient so small that its mean over the batch underflows still gives a full step."""
    images = torch.full((1000, 1, 3, 4), 0.5)
    weight = torch.zeros(2, PIXELS)
    weight[0, 0] = 2e-43  # a few of float32's smallest steps; a thousandth of it is zero
    labels = torch.zeros(1000, dtype=torch.long)
    perturbed = FGSM.last(linear_model(weight), images, Hypocritical(labels), L2(0.1), random_generator())
    expected = images.clone()
    expected[:, 0, 0, 0] += 0.1
    torch.testing.assert_close(perturbed, expected)


@pytest.mark.parametrize("kind", [Linf, L2])
@pytest.mark.parametrize("start", ["clean", "uniform"])
def test_saturated_examples_keep_moving(kind: type, start: str) -> None:
    """At a margin of 110 the cross-entropy's gradient is exactly 0 in float32."""
    images = interior_images(random_generator())
    weight = torch.randn(2, PIXELS, generator=random_generator(1))
    model = linear_model(weight, torch.tensor([110.0, 0.0]))
    goal = Adversarial(torch.zeros(len(images), dtype=torch.long))
    threat_model = kind(0.05)
    noise = torch.randn(images.shape, generator=random_generator(2))
    attack = ProjectedGradient(start=start)  # type: ignore[arg-type]
    state = attack.begin(images, goal, threat_model, noise)
    with attacked(model):
        for number in range(6):
            visit = attack.step(model, state, images, goal, threat_model, number)
            moved = visit.state["points"]
            assert (goal.margin(visit.logits) < -104).all()
            assert torch.isfinite(moved).all()
            assert (threat_model.distance(moved, state["points"]) > 1e-4).all()
            state = visit.state
    again = attack.last(model, images, goal, threat_model, random_generator(3))
    assert torch.equal(again, attack.last(model, images, goal, threat_model, random_generator(3)))


def test_only_the_stalled_example_of_a_batch_moves_at_random() -> None:
    images = interior_images(random_generator(), batch=2)
    weight = torch.randn(2, PIXELS, generator=random_generator(1))
    model = linear_model(weight)
    goal = PerExample(
        torch.tensor([True, False]), Stability(model(images).detach()), Targeted(torch.tensor([0, 0]))
    )
    noise = torch.randn(images.shape, generator=random_generator(2))
    attack = ProjectedGradient(start="clean", relative_step=1)
    with attacked(model):
        state = attack.begin(images, goal, Linf(0.01), noise)
        moved = attack.step(model, state, images, goal, Linf(0.01), 0).state["points"]
    # From x itself the divergence from p(x) has gradient 0, at its minimum.
    torch.testing.assert_close(moved[0], images[0] + 0.01 * noise[0].flatten().roll(1).view(1, 3, 4).sign())
    toward = (weight[0] - weight[1]).view(1, 3, 4).sign()
    torch.testing.assert_close(moved[1], images[1] + 0.01 * toward)
