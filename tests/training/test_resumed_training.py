"""A training that is cut and resumed is the uninterrupted one."""

from __future__ import annotations

import copy

import pytest
import torch
from small_models import batch_norm_net, small_recipe
from trained_models import DEFENSES, RECIPES, THREAT_MODEL, assert_equal, trained

from hypo.datasets.images import ImageData
from hypo.defenses.defense import Defense
from hypo.defenses.standard import Standard
from hypo.training.loop import Checkpoint, train
from hypo.training.recipe import Recipe


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
@pytest.mark.parametrize("defense", DEFENSES.values(), ids=DEFENSES)
def test_a_resumed_run_is_the_uninterrupted_one_bit_by_bit(
    stripes: ImageData, recipe: Recipe, defense: Defense
) -> None:
    """From every epoch: weights, batch-norm buffers, optimizer, schedule and history."""
    _, _, uninterrupted = trained(stripes, recipe, defense)
    assert len(uninterrupted) == recipe.epochs
    for epoch, checkpoint in enumerate(uninterrupted[:-1]):
        torch.rand(3)  # what else the process draws is not to matter
        _, history, resumed = trained(stripes, recipe, defense, resume=copy.deepcopy(checkpoint))
        assert_equal(resumed, uninterrupted[epoch + 1 :])
        assert [row["epoch"] for row in history] == [1, 2, 3, 4]


def test_a_finished_run_is_not_trained_further(stripes: ImageData) -> None:
    recipe = small_recipe()
    _, history, checkpoints = trained(stripes, recipe, Standard())
    model, again, none = trained(stripes, recipe, Standard(), resume=checkpoints[-1])
    assert none == []
    assert again == history
    assert_equal(model.state_dict(), checkpoints[-1]["model"])


def test_dropout_is_resumed_bit_by_bit_and_leaves_torchs_own_numbers_alone(stripes: ImageData) -> None:
    def after(resume: Checkpoint | None = None) -> list[Checkpoint]:
        checkpoints: list[Checkpoint] = []
        model = batch_norm_net()
        data = (stripes.train, stripes.maximum)
        state = torch.get_rng_state()

        def keep(checkpoint: Checkpoint) -> None:
            checkpoints.append(copy.deepcopy(checkpoint))

        train(model, *data, Standard(), THREAT_MODEL, small_recipe(), 0, resume, keep)
        assert torch.equal(torch.get_rng_state(), state)
        return checkpoints

    uninterrupted = after()
    for epoch, checkpoint in enumerate(uninterrupted[:-1]):
        assert_equal(after(copy.deepcopy(checkpoint)), uninterrupted[epoch + 1 :])


@pytest.mark.parametrize("name", DEFENSES)
def test_bfloat16_resumes_bit_by_bit_too(stripes: ImageData, name: str) -> None:
    recipe = small_recipe(precision="bfloat16")
    _, _, uninterrupted = trained(stripes, recipe, DEFENSES[name])
    _, _, resumed = trained(stripes, recipe, DEFENSES[name], resume=copy.deepcopy(uninterrupted[0]))
    assert_equal(resumed, uninterrupted[1:])
