"""Operations counted, against what can be worked out by hand."""

from __future__ import annotations

import pytest
import torch
from small_models import ConvolutionBatchNorm, small_recipe
from torch import Tensor, nn
from trained_models import ATTACK, DEFENSES, THREAT_MODEL, trained

from hypo.architectures.mlp import Mlp
from hypo.datasets.images import ImageData
from hypo.defenses.thrm import Thrm
from hypo.training import work
from hypo.training.recipe import Recipe
from hypo.training.step import Steps
from hypo.training.work import Counting


def counted(model: nn.Module, defense: object, batch: int) -> float:
    """Operations for each image."""
    steps = Steps(
        model,
        torch.optim.SGD(model.parameters(), lr=0.1),
        defense,  # type: ignore[arg-type]
        THREAT_MODEL,
        torch.Generator(),
        bfloat16=False,
        in_graph=False,
    )
    steps(torch.rand(batch, 1, 8, 8), torch.arange(batch) % 4)
    return steps.operations


@pytest.fixture(autouse=True)
def nothing_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "_known", {})


def test_those_of_an_mlp_by_hand() -> None:
    """A pass is 2·weights forwards, as much back to its input, and as much again to its weights."""
    first, weights = 64 * 16, 64 * 16 + 16 * 16 + 16 * 4
    attack = ATTACK.steps * 2 * (2 * weights)
    training = 2 * (3 * 2 * weights - 2 * first)  # two passes, neither back to the images
    model = Mlp(hidden=(16, 16)).build((1, 8, 8), 4)
    assert counted(model, Thrm(3.0, ATTACK), 5) == attack + training
    assert counted(model, DEFENSES["standard"], 5) == training / 2


def test_those_of_a_convolution_by_hand() -> None:
    """Folded or not, it is the same convolution."""
    convolution, linear = 9 * 1 * 4 * 64, 4 * 64 * 4
    attack = ATTACK.steps * 2 * 2 * (convolution + linear)
    training = 2 * (2 * 2 * convolution + 3 * 2 * linear)
    model = ConvolutionBatchNorm().build((1, 8, 8), 4)
    assert counted(model, Thrm(3.0, ATTACK), 6) == attack + training


def test_they_are_counted_once_for_all_weights_of_a_defense(monkeypatch: pytest.MonkeyPatch) -> None:
    entered: list[None] = []
    enter = Counting.__enter__

    def noted(self: Counting) -> Counting:
        entered.append(None)
        return enter(self)

    monkeypatch.setattr(Counting, "__enter__", noted)
    model = Mlp(hidden=(16,)).build((1, 8, 8), 4)
    assert counted(model, Thrm(3.0, ATTACK), 5) == counted(model, Thrm(7.0, ATTACK), 5)
    assert len(entered) == 1
    assert counted(model, Thrm(0.0, ATTACK), 5) < counted(model, Thrm(1.0, ATTACK), 5)
    assert len(entered) == 2
    wider = Mlp(hidden=(32,)).build((1, 8, 8), 4)
    assert counted(wider, Thrm(3.0, ATTACK), 5) > counted(model, Thrm(3.0, ATTACK), 5)
    assert len(entered) == 3


def test_a_step_that_is_counted_computes_the_same_bits(stripes: ImageData) -> None:
    """The first training is counted, the second is not."""
    recipe = small_recipe(epochs=1, optimizer="adam")
    models = [trained(stripes, recipe, DEFENSES["trades"])[0].state_dict() for _ in range(2)]
    assert all(torch.equal(value, models[1][name]) for name, value in models[0].items())


def test_history_has_the_rate(stripes: ImageData) -> None:
    recipe = Recipe(epochs=2, batch=20, optimizer="sgd", learning_rate=0.05)
    _, history, _ = trained(stripes, recipe, DEFENSES["thrm"])
    convolution, linear = 9 * 1 * 4 * 64, 4 * 64 * 4
    of_image = ATTACK.steps * 2 * 2 * (convolution + linear) + 2 * (2 * 2 * convolution + 3 * 2 * linear)
    for row in history:
        assert row["tflops"] == pytest.approx(row["images_per_second"] * of_image / 1e12)


@pytest.mark.parametrize("seed", range(6))
def test_formulas_are_those_of_torch(seed: int) -> None:
    """Groups, strides, dilation, transposed convolutions, products of several matrices."""
    from torch.utils.flop_counter import FlopCounterMode

    random = torch.Generator().manual_seed(seed)

    def drawn(least: int, most: int) -> int:
        return int(torch.randint(least, most + 1, (1,), generator=random))

    groups, kernel, step = drawn(1, 2), drawn(1, 3), drawn(1, 2)
    kind = nn.Conv2d if seed % 2 else nn.ConvTranspose2d
    convolution = kind(
        2 * groups, 4 * groups, kernel, stride=step, padding=drawn(0, 1), dilation=drawn(1, 2), groups=groups
    )
    images = torch.rand(3, 2 * groups, 9, 8, requires_grad=True)

    def compute() -> Tensor:
        features = convolution(images).flatten(2)
        return (features @ features.transpose(1, 2)).sum() + nn.Linear(3, 5)(torch.rand(2, 3)).sum()

    with FlopCounterMode(display=False) as theirs, Counting() as ours:
        result = compute()
    assert ours.total == theirs.get_total_flops() > 0
    with Counting() as back:
        result.backward()
    # Each of them once to either side, but for the inputs of the linear layer, which want no gradient.
    assert back.total == 2 * ours.total - 2 * 2 * 3 * 5
