"""Images on demand: their flags are those of images in memory, and few of them are ever there at once."""

from __future__ import annotations

import weakref
from dataclasses import dataclass, field
from typing import Any

import pytest
import torch
from imagenet_folder import imagenet
from small_models import InDouble, small_recipe
from torch import Tensor, nn

from hypo.architectures.small_cnn import SmallCnn
from hypo.attacks.searches.projected_gradient import ProjectedGradient
from hypo.attacks.threat_models.linf import Linf
from hypo.datasets.imagenet import Imagenet
from hypo.datasets.images import ImageData, Split
from hypo.datasets.on_demand import OnDemand
from hypo.defenses.standard import Standard
from hypo.measurements import chunks, pooled_search
from hypo.measurements.evaluation import Evaluation, evaluate
from hypo.measurements.risks import Flags
from hypo.training.loop import train

SIZE, BATCH = 12, 4
EVALUATION = Evaluation(ProjectedGradient(steps=3, relative_step=0.5, restarts=2), batch=BATCH)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> ImageData:
    """Three classes, of 8 training and 10 test images each."""
    return Imagenet(str(imagenet(tmp_path_factory.mktemp("imagenet"), train=8, val=10)), size=SIZE).load()


@pytest.fixture
def network(data: ImageData) -> nn.Module:
    torch.manual_seed(0)
    return InDouble(SmallCnn(channels=(4,), hidden=8).build(data.shape, 3)).eval()


@dataclass
class Watched:
    """How many decoded images are alive, and have been at most."""

    alive: int = 0
    at_most: int = 0
    decoded: int = 0
    _references: list[Any] = field(default_factory=list)

    def note(self, images: Tensor) -> None:
        count = len(images)
        self.decoded += count
        self.alive += count
        self.at_most = max(self.at_most, self.alive)
        # The storage, which slices of the images keep too.
        self._references.append(weakref.finalize(images.untyped_storage(), self._gone, count))

    def _gone(self, count: int) -> None:
        self.alive -= count


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> Watched:
    found, original = Watched(), OnDemand.__getitem__

    def noted(self: OnDemand, at: Any) -> Tensor:
        images = original(self, at)
        found.note(images)
        return images

    monkeypatch.setattr(OnDemand, "__getitem__", noted)
    return found


def flags(network: nn.Module, test: Split) -> dict[str, list]:
    found: Flags = evaluate(network, test, 255, Linf(16 / 255), EVALUATION, seed=0)
    return {name: getattr(found, name).tolist() for name in ("example", "correct", "adv", "hyp", "sta", "margin")}


@pytest.mark.parametrize("portion", [1, 8, 1000])
def test_flags_are_those_of_images_in_memory_whatever_the_portion(
    data: ImageData, network: nn.Module, monkeypatch: pytest.MonkeyPatch, portion: int
) -> None:
    in_memory = flags(network, Split(data.test.images[:], data.test.labels))
    monkeypatch.setattr(pooled_search, "AT_ONCE", portion * 3 * SIZE * SIZE)
    assert flags(network, data.test) == in_memory
    assert 0 < sum(in_memory["correct"]) < 30
    assert 0 < sum(in_memory["adv"]) < 30


def test_an_evaluation_holds_no_more_images_than_are_attacked_at_once(
    data: ImageData, network: nn.Module, monkeypatch: pytest.MonkeyPatch, watched: Watched
) -> None:
    noise: list[int] = []
    original = pooled_search.example_noise

    def counted(*arguments: Any) -> Tensor:
        noise.append(len(arguments[3]))
        return original(*arguments)

    monkeypatch.setattr(pooled_search, "example_noise", counted)
    monkeypatch.setattr(pooled_search, "AT_ONCE", 2 * BATCH * 3 * SIZE * SIZE)
    flags(network, data.test)
    assert max(noise) == 2 * BATCH
    assert watched.decoded > 30
    assert watched.at_most <= 2 * BATCH + BATCH
    assert watched.alive == 0


def test_an_evaluation_in_chunks_finds_the_same_and_holds_no_more_than_one_of_them(
    data: ImageData, network: nn.Module, monkeypatch: pytest.MonkeyPatch, watched: Watched
) -> None:
    in_memory = flags(network, Split(data.test.images[:], data.test.labels))
    watched.at_most = 0
    monkeypatch.setattr(chunks, "CHUNK", 2 * BATCH * 3 * SIZE * SIZE)
    assert flags(network, data.test) == in_memory
    assert 0 < watched.at_most <= 2 * BATCH + BATCH
    assert watched.alive == 0


def test_what_is_attacked_at_once_is_whole_batches_and_one_at_least(
    data: ImageData, network: nn.Module, monkeypatch: pytest.MonkeyPatch, watched: Watched
) -> None:
    monkeypatch.setattr(pooled_search, "AT_ONCE", 1)
    flags(network, data.test)
    assert watched.at_most <= 2 * BATCH


def test_training_holds_a_batch(data: ImageData, watched: Watched) -> None:
    def trained(split: Split) -> nn.Module:
        torch.manual_seed(0)
        model = SmallCnn(channels=(4,), hidden=8).build(data.shape, 3)
        train(model, split, 255, Standard(), Linf(0.1), small_recipe(epochs=2, batch=8, flip=True), seed=0)
        return model

    on_demand = trained(data.train)
    assert (watched.decoded, watched.alive) == (2 * 24, 0)
    assert watched.at_most <= 2 * 8
    in_memory = trained(Split(data.train.images[:], data.train.labels))
    for one, other in zip(on_demand.parameters(), in_memory.parameters(), strict=True):
        assert torch.equal(one, other)


def test_progress_counts_the_steps_of_all_portions(
    data: ImageData, network: nn.Module, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pooled_search, "AT_ONCE", BATCH * 3 * SIZE * SIZE)
    told: list[tuple[int, int]] = []
    evaluation = Evaluation(ProjectedGradient(steps=3), success="last_iterate", batch=BATCH)
    found = evaluate(
        network, data.test, 255, Linf(0.1), evaluation, 0, lambda done, total: told.append((done, total))
    )
    total = 3 * (30 + int((~found.correct).sum()))
    # Thirty examples in batches of four, each of which goes three steps: the last has two.
    steps = [4] * 3 * 7 + [2] * 3
    assert told[: len(steps) + 1] == [(sum(steps[:count]), total) for count in range(len(steps) + 1)]
    assert told[-1] == (total, total)
