"""α J(x) + (1 − α) J(x + ε sign ∇J): both ends of α, and what lies between by closed forms."""

from __future__ import annotations

import pytest
import torch
from forwards import recorded
from small_models import batch_norm_net, linear_model, small_recipe
from torch import Tensor, nn
from torch.nn import functional as F

from hypo.attacks.searches.projected_gradient import ProjectedGradient
from hypo.attacks.threat_models.l2 import L2
from hypo.attacks.threat_models.linf import Linf
from hypo.datasets.images import ImageData
from hypo.defenses.defense import Defense
from hypo.defenses.fgsm_at import FgsmAt
from hypo.defenses.pgd_at import PgdAt
from hypo.defenses.standard import Standard
from hypo.settings.errors import InputError
from hypo.training.loop import History, train

ONE_FULL_STEP = ProjectedGradient(steps=1, relative_step=1, start="clean")
THREAT_MODELS = {"linf": Linf(0.1), "l2": L2(0.5)}


@pytest.fixture(params=THREAT_MODELS.values(), ids=THREAT_MODELS)
def threat_model(request: pytest.FixtureRequest) -> Linf | L2:
    return request.param


def trained(defense: Defense, data: ImageData, threat_model: Linf | L2) -> tuple[dict[str, Tensor], History]:
    """Two epochs with batch-norm, dropout, momentum, augmentation and a smaller last batch."""
    model = batch_norm_net()
    torch.manual_seed(0)  # of dropout
    recipe = small_recipe(epochs=2, crop_padding=1, flip=True, last_batch="keep")
    history = train(model, data.train, data.maximum, defense, threat_model, recipe, seed=3)
    return model.state_dict(), history


@pytest.mark.parametrize(("alpha", "same"), [(1, Standard()), (0, PgdAt(ONE_FULL_STEP))], ids=["one", "zero"])
def test_either_end_is_another_defense_bit_by_bit(
    alpha: float, same: Defense, threat_model: Linf | L2, stripes: ImageData
) -> None:
    found, history = trained(FgsmAt(alpha), stripes, threat_model)
    expected, other_history = trained(same, stripes, threat_model)
    assert set(found) == set(expected)
    assert all(torch.equal(value, expected[name]) for name, value in found.items())
    assert [row["loss"] for row in history] == [row["loss"] for row in other_history]
    between, _ = trained(FgsmAt(0.5), stripes, threat_model)
    assert not torch.equal(between["0.weight"], expected["0.weight"])


@pytest.mark.parametrize(("alpha", "attacking", "learning"), [(1, 0, 1), (0, 1, 1), (0.5, 1, 2)])
def test_nothing_passes_that_has_no_weight(
    alpha: float, attacking: int, learning: int, stripes: ImageData
) -> None:
    model = batch_norm_net().train()
    images, labels = stripes.train.images[:20].float() / stripes.maximum, stripes.train.labels[:20]
    random = torch.Generator().manual_seed(0)
    before = random.get_state()
    with recorded(model) as passes:
        loss = FgsmAt(alpha).loss(model, images, labels, Linf(0.1), random)
    assert [(each.training, each.weights) for each in passes] == [(False, False)] * attacking + [
        (True, True)
    ] * learning
    assert torch.equal(random.get_state(), before) == (alpha == 1)
    assert (loss.clean_logits is not None, loss.perturbed_logits is not None) == (alpha > 0, alpha < 1)


@pytest.mark.parametrize("alpha", [0.0, 0.3, 1.0])
def test_on_a_linear_model_it_is_the_norm_of_the_weights(threat_model: Linf | L2, alpha: float) -> None:
    """The step takes all that the ball allows: log(1 + exp(ε‖w‖ − y·wᵀx)), in the dual norm of the ball's."""
    generator = torch.Generator().manual_seed(0)
    images = 0.4 + 0.2 * torch.rand(12, 1, 3, 3, generator=generator)  # so far inside that nothing is clamped
    weight, labels = torch.randn(2, 9, generator=generator), torch.arange(12) % 2
    w = weight[1] - weight[0]
    signed = (2 * labels - 1) * (images.flatten(1) @ w)
    order = 1 if isinstance(threat_model, Linf) else 2
    reached = threat_model.epsilon * torch.linalg.vector_norm(w, order)
    expected = alpha * F.softplus(-signed).mean() + (1 - alpha) * F.softplus(reached - signed).mean()
    model: nn.Module = linear_model(weight)
    loss = FgsmAt(alpha).loss(model, images, labels, threat_model, generator)
    torch.testing.assert_close(loss.value, expected)
    (found,) = torch.autograd.grad(loss.value, [model.get_parameter("1.weight")])
    assert found.abs().max() > 0


@pytest.mark.parametrize("alpha", [-0.1, 1.1, float("nan")])
def test_alpha_is_a_share(alpha: float) -> None:
    with pytest.raises(InputError, match=r"^alpha: takes a number >= 0 and <= 1"):
        FgsmAt(alpha)
