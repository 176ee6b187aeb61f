"""Whole training steps in a CUDA graph, with a stand-in for it: the same training bit by bit."""

from __future__ import annotations

import copy
import gc
import logging
import weakref

import pytest
import torch
from small_models import ConvolutionBatchNorm, Stripes, batch_norm_net, small_experiment, small_recipe
from stand_in_graph import StandInGraph
from torch import Tensor, nn
from trained_models import DEFENSES, RECIPES, THREAT_MODEL, assert_equal, trained

from hypo.architectures.linf_dist_net import LinfDistNet
from hypo.datasets.images import ImageData, Split
from hypo.defenses.linf_dist import LinfDist
from hypo.settings import cuda_graph
from hypo.settings.identity import training_id
from hypo.training.loop import train
from hypo.training.recipe import Recipe
from hypo.training.step import Steps


@pytest.fixture
def graphs(monkeypatch: pytest.MonkeyPatch) -> list[StandInGraph]:
    """The graphs that trainings ask for, each a stand-in."""
    made: list[StandInGraph] = []

    def stand_in(device: torch.device) -> StandInGraph:
        made.append(StandInGraph())
        return made[-1]

    monkeypatch.setattr(cuda_graph, "graph_on", stand_in)
    return made


FURTHER = {
    "cosine": small_recipe(epochs=4, schedule="cosine", milestones=(1,)),
    "bfloat16": small_recipe(precision="bfloat16", schedule="milestones", milestones=(2,)),
    "the last batch kept": small_recipe(batch=40, last_batch="keep"),
    "the best epoch kept": small_recipe(hold_out=30, keep="best"),
}


@pytest.mark.parametrize("recipe", [*RECIPES, *FURTHER])
def test_in_a_graph_training_is_the_same_bit_by_bit(
    stripes: ImageData, recipe: str, graphs: list[StandInGraph]
) -> None:
    """Inner attack, statistics, momentum, learning rates and checkpoints included."""
    chosen = {**RECIPES, **FURTHER}[recipe]
    found = trained(stripes, chosen, DEFENSES["thrm"])
    assert graphs[0].replays >= 3
    plain = trained(stripes, _plain(chosen), DEFENSES["thrm"])
    assert len(graphs) == 1
    assert_equal(found[0].state_dict(), plain[0].state_dict())
    assert_equal(found[1:], plain[1:])


def _plain(recipe: Recipe) -> Recipe:
    return Recipe(**{**vars(recipe), "cuda_graph": False})


@pytest.mark.parametrize("defense", ["standard", "pgd_at", "fgsm_at", "trades"])
def test_whatever_the_defense(stripes: ImageData, defense: str, graphs: list[StandInGraph]) -> None:
    recipe = small_recipe()
    found = trained(stripes, recipe, DEFENSES[defense])
    assert graphs[0].replays > 0
    assert_equal(found[2], trained(stripes, _plain(recipe), DEFENSES[defense])[2])


def test_dropout_draws_what_it_drew(stripes: ImageData, graphs: list[StandInGraph]) -> None:
    models = []
    for recipe in (small_recipe(), _plain(small_recipe())):
        models.append(batch_norm_net())
        train(models[-1], stripes.train, stripes.maximum, DEFENSES["thrm"], THREAT_MODEL, recipe, seed=0)
    assert graphs[0].replays > 0
    assert_equal(*(model.state_dict() for model in models))


def test_a_training_goes_on_in_a_graph_where_it_was_cut_off(
    stripes: ImageData, graphs: list[StandInGraph]
) -> None:
    recipe = RECIPES["adam, one cycle"]
    whole = trained(stripes, recipe, DEFENSES["thrm"])
    resumed = trained(stripes, recipe, DEFENSES["thrm"], resume=copy.deepcopy(whole[2][1]))
    assert [graph.replays > 0 for graph in graphs] == [True, True]
    assert_equal(resumed[0].state_dict(), whole[0].state_dict())


def test_the_memory_of_a_graph_goes_with_its_training(stripes: ImageData, graphs: list[StandInGraph]) -> None:
    """At once, not when cycles are looked for: the evaluation may need it."""
    gc.disable()
    try:
        trained(stripes, small_recipe(), DEFENSES["thrm"])
        left = weakref.ref(graphs.pop())
        assert left() is None
    finally:
        gc.enable()


def test_what_the_host_decides_in_each_step_is_in_no_graph(
    stripes: ImageData, graphs: list[StandInGraph], caplog: pytest.LogCaptureFixture
) -> None:
    """The source that ensemble training attacks, and the p of an ℓ∞-dist net."""
    with caplog.at_level(logging.WARNING, "hypo"):
        trained(stripes, small_recipe(), DEFENSES["ensemble_at"])
        net = LinfDistNet(hidden=(8,)).build(stripes.shape, 4)
        model = Normalising(net)
        recipe = small_recipe(epochs=1, optimizer="lp_adam")
        train(model, stripes.train, stripes.maximum, LinfDist(), THREAT_MODEL, recipe, seed=0)
    said = "training step: goes on without a CUDA graph (the host decides what changes in each)"
    assert [record.getMessage() for record in caplog.records] == [said] * 2
    assert sum(graph.replays for graph in graphs) == 0


class Normalising(nn.Module):
    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("std", torch.ones(1))

    def forward(self, images: Tensor) -> Tensor:
        return self.network(images)


def test_on_a_cpu_no_graph_is_tried_and_nothing_is_said(
    stripes: ImageData, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "hypo"):
        trained(stripes, small_recipe(epochs=1), DEFENSES["ensemble_at"])
    assert not caplog.records


def test_the_learning_rate_is_a_number_again_after_a_step_and_after_a_failure(
    graphs: list[StandInGraph],
) -> None:
    model = ConvolutionBatchNorm().build((1, 8, 8), 4)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    random = torch.Generator()
    steps = Steps(model, optimizer, DEFENSES["thrm"], THREAT_MODEL, random, bfloat16=False, in_graph=True)
    images, labels = torch.rand(4, 1, 8, 8), torch.arange(4)
    steps(images, labels)
    assert optimizer.param_groups[0]["lr"] == 0.1
    assert type(optimizer.param_groups[0]["lr"]) is float
    with pytest.raises(IndexError):
        steps(images, labels + 10)
    assert type(optimizer.param_groups[0]["lr"]) is float


def test_the_setting_is_in_no_run_id() -> None:
    ids = {
        training_id(small_experiment(DEFENSES["thrm"], recipe=small_recipe(cuda_graph=graph)))
        for graph in (True, False)
    }
    assert len(ids) == 1


@pytest.mark.parametrize(("crop_padding", "flip"), [(0, False), (1, True)])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_whatever_passes_through_the_model_is_laid_out_channels_last(
    crop_padding: int, flip: bool, precision: str
) -> None:
    data = Stripes(train=40).load()
    colour = Split(
        data.train.images.expand(-1, 3, -1, -1).contiguous(memory_format=torch.channels_last), data.train.labels
    )
    torch.manual_seed(0)
    model = ConvolutionBatchNorm().build((3, 8, 8), 4).to(memory_format=torch.channels_last)
    laid_out: list[bool] = []

    def note(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        laid_out.append(inputs[0].is_contiguous(memory_format=torch.channels_last))

    model.register_forward_pre_hook(note)
    recipe = small_recipe(epochs=1, crop_padding=crop_padding, flip=flip, precision=precision)
    train(model, colour, 255, DEFENSES["thrm"], THREAT_MODEL, recipe, seed=0)
    assert laid_out == [True] * 2 * (2 + 2)  # two steps, each two passes of the attack and two of the loss
    convolution = model[0]
    for tensor in (convolution.weight, convolution.weight.grad):
        assert tensor is not None
        assert tensor.is_contiguous(memory_format=torch.channels_last)
