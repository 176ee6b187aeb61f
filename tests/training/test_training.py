from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from small_models import Exploding, Stripes, small_experiment, small_recipe
from torch import Tensor, nn
from trained_models import ATTACK, DEFENSES, RECIPES, THREAT_MODEL, assert_equal, trained

from hypo.architectures.mlp import Mlp
from hypo.attacks.threat_models.l2 import L2
from hypo.datasets.images import ImageData, Split
from hypo.defenses.defense import Defense, Loss
from hypo.defenses.standard import Standard
from hypo.defenses.thrm import Thrm
from hypo.defenses.trades import Trades
from hypo.settings.errors import DivergedError, InputError
from hypo.training.loop import train


def test_the_seed_decides(stripes: ImageData) -> None:
    recipe = small_recipe(epochs=1)
    models = [trained(stripes, recipe, DEFENSES["thrm"], seed=seed)[0].state_dict() for seed in (1, 1, 2)]
    assert_equal(models[1], models[0])
    assert not torch.equal(models[2]["0.weight"], models[0]["0.weight"])


@pytest.mark.parametrize("defense", [Thrm(0.0, ATTACK), Trades(0.0, ATTACK)])
def test_lambda_0_is_standard_training_bit_by_bit(stripes: ImageData, defense: Defense) -> None:
    """Whole epochs, augmentation and shuffling included."""
    recipe = RECIPES["sgd, milestones, augmentation"]
    assert_equal(trained(stripes, recipe, defense)[2], trained(stripes, recipe, Standard())[2])


def test_training_learns(stripes: ImageData) -> None:
    recipe = small_recipe(epochs=8, optimizer="adam", learning_rate=0.01)
    _, history, _ = trained(stripes, recipe, DEFENSES["thrm"])
    assert history[-1]["loss"] < 0.5 * history[0]["loss"]
    assert history[-1]["clean_accuracy"] > 0.9
    assert history[0]["clean_accuracy"] < 0.8


@pytest.mark.parametrize(
    ("name", "clean", "perturbed"),
    [("standard", True, False), ("pgd_at", False, True), ("thrm", True, True), ("trades", True, True)],
)
def test_history_says_nan_where_nothing_was_computed(
    stripes: ImageData, name: str, clean: bool, perturbed: bool
) -> None:
    (row,) = trained(stripes, small_recipe(epochs=1), DEFENSES[name])[1]
    rates = ["learning_rate", "loss", "clean_accuracy", "perturbed_accuracy"]
    assert list(row) == ["epoch", *rates, "seconds", "images_per_second", "tflops"]
    assert 0 < row["loss"] < 10
    for key, computed in [("clean_accuracy", clean), ("perturbed_accuracy", perturbed)]:
        assert (0 <= row[key] <= 1) if computed else math.isnan(row[key])


class Spy:
    """A defense that only looks: which images came, and in which batches."""

    def __init__(self) -> None:
        self.batches: list[Tensor] = []

    def loss(
        self, model: nn.Module, images: Tensor, labels: Tensor, threat_model: object, random: torch.Generator
    ) -> Loss:
        self.batches.append((images.flatten() * 255).round().int())
        return Loss(model(images).sum())


def numbered_split(count: int) -> Split:
    """Image number i is i everywhere."""
    return Split(torch.arange(count, dtype=torch.uint8).view(-1, 1, 1, 1), torch.zeros(count, dtype=torch.long))


@pytest.mark.parametrize(
    ("count", "batch", "sizes"), [(23, 5, [5] * 4), (20, 5, [5] * 4), (3, 5, [3]), (5, 5, [5])]
)
def test_the_last_incomplete_batch_is_dropped(count: int, batch: int, sizes: list[int]) -> None:
    """Unless there is no other."""
    spy, model = Spy(), nn.Sequential(nn.Flatten(), nn.Linear(1, 2))
    recipe = small_recipe(epochs=2, batch=batch)
    train(model, numbered_split(count), 255, spy, THREAT_MODEL, recipe, seed=0)
    assert [len(images) for images in spy.batches] == sizes * 2
    first, second = (torch.cat(spy.batches[: len(sizes)]), torch.cat(spy.batches[len(sizes) :]))
    assert len(first.unique()) == len(first)  # no image twice in an epoch
    if count > 5:
        assert not torch.equal(first, second)  # shuffled anew


def test_a_limited_training_set_is_always_the_same_part() -> None:
    seen = []
    for seed in (0, 1):
        spy, model = Spy(), nn.Sequential(nn.Flatten(), nn.Linear(1, 2))
        train(model, numbered_split(50), 255, spy, THREAT_MODEL, small_recipe(batch=4, train_limit=8), seed)
        seen.append(set(torch.cat(spy.batches).tolist()))
    assert seen[0] == seen[1]
    assert len(seen[0]) == 8
    assert seen[0] != set(range(8))  # a random part: a sorted data set would give one class


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_the_learning_rate_follows_its_schedule(stripes: ImageData, optimizer: str) -> None:
    def rates(**changes: object) -> list[float]:
        recipe = small_recipe(epochs=4, optimizer=optimizer, learning_rate=0.1, **changes)
        return [row["learning_rate"] for row in trained(stripes, recipe, Standard())[1]]

    assert rates() == [0.1] * 4
    assert rates(schedule="milestones", milestones=(2, 3)) == pytest.approx([0.1, 0.1, 0.01, 0.001])
    cycle = rates(schedule="one_cycle")  # begins at 1/25 of the peak, which is a third of the way
    assert cycle[0] == pytest.approx(0.1 / 25)
    assert max(cycle) <= 0.1
    assert cycle[1] > cycle[2] > cycle[3]


def test_bfloat16_is_for_the_forward_passes_alone(stripes: ImageData) -> None:
    defense = DEFENSES["trades"]
    exact = trained(stripes, small_recipe(), defense)
    coarse = trained(stripes, small_recipe(precision="bfloat16"), defense)
    difference = (exact[0][0].weight - coarse[0][0].weight).abs().max()
    assert 0 < difference < 0.1
    floating = [value for value in coarse[0].state_dict().values() if value.is_floating_point()]
    assert all(value.dtype == torch.float32 for value in floating)
    state = coarse[2][-1]["optimizer"]["state"]
    assert all(entry["momentum_buffer"].dtype == torch.float32 for entry in state.values())
    assert math.isfinite(coarse[1][-1]["loss"])


def test_a_loss_that_is_not_finite_ends_the_run_with_its_epoch(stripes: ImageData) -> None:
    with pytest.raises(DivergedError, match=r"^the loss of epoch 1 is (nan|inf)$"):
        trained(stripes, small_recipe(), Exploding())  # type: ignore[arg-type]
    finished: list[int] = []
    with pytest.raises(DivergedError, match=r"^the loss of epoch \d+ is (nan|inf)$") as error:
        train(
            Mlp(hidden=(16, 16)).build(stripes.shape, 4),
            stripes.train,
            255,
            Standard(),
            L2(0.1),
            small_recipe(epochs=60, learning_rate=1e10),
            0,
            after_epoch=lambda checkpoint: finished.append(len(checkpoint["history"])),
        )
    assert f"epoch {len(finished) + 1} " in str(error.value)


def test_the_model_is_initialised_from_the_seed_alone() -> None:
    before = torch.get_rng_state()
    data = Stripes().load()
    weights = [
        small_experiment(Standard(), seed=seed).build_model(data).state_dict()["network.0.weight"]
        for seed in (0, 0, 1)
    ]
    assert torch.equal(before, torch.get_rng_state())
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"epochs": 0}, "epochs: takes a whole number >= 1, got 0"),
        ({"batch": 0}, "batch: takes a whole number >= 1, got 0"),
        ({"learning_rate": 0}, "learning_rate: takes a number > 0"),
        ({"momentum": -1}, "momentum: takes a number >= 0"),
        ({"weight_decay": -1}, "weight_decay: takes a number >= 0"),
        ({"crop_padding": -1}, "crop_padding: takes a whole number >= 0"),
        ({"train_limit": 0}, "train_limit: takes a whole number >= 1"),
        ({"schedule": "milestones"}, "milestones: takes the epochs"),
    ],
)
def test_recipes_are_checked(changes: dict[str, object], message: str) -> None:
    with pytest.raises(InputError) as error:
        small_recipe(**changes)
    assert str(error.value).startswith(message)


@pytest.mark.parametrize(("last_batch", "sizes"), [("drop", [20, 20]), ("keep", [20, 20, 10])])
def test_the_last_batch_is_dropped_or_kept(last_batch: str, sizes: list[int]) -> None:
    """Kept, it weighs in the epoch's means as much as its images."""
    data, seen = Stripes(train=50).load(), []

    class Watched:
        def loss(
            self, model: nn.Module, images: Tensor, labels: Tensor, threat_model: Any, random: torch.Generator
        ) -> Loss:
            seen.append(len(images))
            logits = model(images)
            return Loss(logits.sum() * 0 + float(len(images)), logits)

    recipe = small_recipe(epochs=1, last_batch=last_batch, learning_rate=1e-9)
    _, history, _ = trained(data, recipe, Watched())
    assert seen == sizes
    assert history[0]["loss"] == pytest.approx(sum(size * size for size in sizes) / sum(sizes))
    assert recipe.images_an_epoch(50) == sum(sizes)
    assert recipe.steps_an_epoch(50) == len(sizes)


def test_with_the_last_batch_kept_the_schedule_ends_with_the_training() -> None:
    data = Stripes(train=50).load()
    recipe = small_recipe(epochs=4, last_batch="keep", schedule="milestones", milestones=(1, 3))
    rates = [row["learning_rate"] for row in trained(data, recipe, Standard())[1]]
    assert rates == pytest.approx([0.05, 0.005, 0.005, 0.0005])
