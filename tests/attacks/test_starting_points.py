"""Where searches begin."""

from __future__ import annotations

import pytest
import torch
from small_attacks import interior_images, random_generator
from torch import nn

from hypo.attacks.goals.adversarial import Adversarial
from hypo.attacks.goals.goal import Goal, PerExample
from hypo.attacks.goals.hypocritical import Hypocritical
from hypo.attacks.goals.margin import Margin
from hypo.attacks.goals.stability import Stability
from hypo.attacks.goals.targeted import Targeted
from hypo.attacks.searches.projected_gradient import ProjectedGradient
from hypo.attacks.searches.search import best
from hypo.attacks.threat_models.l2 import L2
from hypo.attacks.threat_models.linf import Linf
from hypo.attacks.threat_models.threat_model import ThreatModel
from hypo.datasets.images import ImageData


@pytest.mark.parametrize("threat_model", [Linf(0.01), L2(0.01)])
def test_starting_points(threat_model: ThreatModel) -> None:
    images = interior_images(random_generator())
    noise = torch.randn(images.shape, generator=random_generator(1))
    labels = torch.zeros(len(images), dtype=torch.long)

    def started(name: str, goal: Goal) -> torch.Tensor:
        attack = ProjectedGradient(start=name)  # type: ignore[arg-type]
        return attack.begin(images, goal, threat_model, noise)["points"]

    start = {name: started(name, Adversarial(labels)) for name in ("clean", "gaussian", "uniform")}
    assert torch.equal(start["clean"], images)
    assert torch.equal(start["gaussian"], images + 0.01 * noise)
    assert threat_model.distance(start["gaussian"], images).max() > 0.01  # unprojected, as in the authors' code
    torch.testing.assert_close(start["uniform"], images + threat_model.uniform(noise))
    # The authors' code: adversarial and targeted attacks in the ball, hypocritical and stability ones beside x.
    stability = Stability(torch.randn(len(images), 2))
    for goal, name in (
        (Adversarial(labels), "uniform"),
        (Targeted(labels), "uniform"),
        (Hypocritical(labels), "gaussian"),
        (stability, "gaussian"),
        (Margin(Hypocritical(labels)), "gaussian"),
    ):
        assert torch.equal(started("authors_code", goal), start[name])
    first = torch.arange(len(images)) == 0
    mixed = started("authors_code", PerExample(first, Hypocritical(labels), Adversarial(labels)))
    assert torch.equal(mixed[:1], start["gaussian"][:1])
    assert torch.equal(mixed[1:], start["uniform"][1:])


def test_the_gaussian_start_is_an_image() -> None:
    """As in the authors' code, which clamps it to [0, 1] at once."""
    images = torch.cat([torch.zeros(20, 1, 4, 4), torch.ones(20, 1, 4, 4)])
    noise = torch.randn(images.shape, generator=random_generator(1))
    labels = torch.zeros(len(images), dtype=torch.long)
    for name in ("gaussian", "authors_code"):
        attack = ProjectedGradient(start=name)  # type: ignore[arg-type]
        start = attack.begin(images, Hypocritical(labels), Linf(0.1), noise)["points"]
        assert torch.equal(start, (images + 0.01 * noise).clamp(0, 1))
        assert 0.3 < float((start == images).float().mean()) < 0.7  # half of the noise led out of [0, 1]


def test_stability_from_the_clean_image_leaves_it(digits: ImageData, digits_mlp: nn.Module) -> None:
    images = digits.test.images[:100].float() / 16
    goal = Stability(digits_mlp(images).detach())
    attack = ProjectedGradient(start="clean")
    perturbed = best(attack, digits_mlp, images, goal, Linf(0.1), random_generator())
    moved = digits_mlp(perturbed).argmax(1) != digits_mlp(images).argmax(1)
    assert moved.float().mean() > 0.2
