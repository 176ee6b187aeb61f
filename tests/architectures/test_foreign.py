"""Models as other people save them: what is read, and what becomes of it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from foreign_files import KINDS, images, model_of, stored
from foreign_models import CLASSES, SHAPE, Viewing, foreign, network, scripted, traced
from torch import Tensor, nn

from hypo.architectures.foreign import Foreign
from hypo.architectures.normalised import Normalised, is_loaded
from hypo.attacks.model_state import attacked
from hypo.settings.components import build, describe
from hypo.settings.device import few_threads


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest, tmp_path: Path) -> Foreign:
    write, settings = KINDS[request.param]
    return foreign(write(network(seed=1), tmp_path / "a model"), **settings)


def test_it_is_the_network_that_was_saved_and_attacks_get_its_gradient(kind: Foreign) -> None:
    original, model = network(seed=1), model_of(kind)
    assert is_loaded(kind)
    model.train()
    expected_at, found_at = images().requires_grad_(), stored(images()).requires_grad_()
    with attacked(model), few_threads(model, 10):
        expected, found = original(expected_at), model(found_at)
        torch.testing.assert_close(found, expected)
        gradients = [
            torch.autograd.grad(logits.logsumexp(1).sum(), at)[0]
            for logits, at in ((expected, expected_at), (found, found_at))
        ]
        torch.testing.assert_close(*gradients)
        assert not any(parameter.requires_grad for parameter in model.parameters())
    assert all(module.training for module in model.modules() if isinstance(module, Normalised))


class Strided(Viewing):
    """A network that looks at memory as it was laid out."""

    def forward(self, images: Tensor) -> Tensor:
        features = self.norm(self.convolution(images)).relu()
        return self.linear(features.as_strided((images.size(0), 256), (256, 1)))


class Flattening(Viewing):
    """A network that does not care."""

    def forward(self, images: Tensor) -> Tensor:
        return self.linear(self.norm(self.convolution(images)).relu().flatten(1))


@pytest.mark.parametrize(("made", "is_faster"), [(Flattening, True), (Viewing, False), (Strided, False)])
def test_weights_are_channels_last_where_that_changes_nothing(
    tmp_path: Path, made: type[nn.Module], is_faster: bool
) -> None:
    torch.manual_seed(0)
    original = made(channels=3).eval()
    file = traced(original, tmp_path / "model", images(2, (3, 8, 8)))
    model = model_of(foreign(file), (3, 8, 8)).eval()
    (weight,) = (each for each in model.parameters() if each.dim() == 4)
    assert weight.is_contiguous(memory_format=torch.channels_last) == is_faster
    some = images(4, (3, 8, 8))
    torch.testing.assert_close(model(stored(some)), original(some))


def test_what_a_run_keeps_of_it_makes_the_same_model(kind: Foreign) -> None:
    model = model_of(kind).eval()
    again = Normalised(kind.build(SHAPE, CLASSES), [0.0], [1.0])
    again.load_state_dict({name: value.clone() for name, value in model.state_dict().items()})
    assert torch.equal(again.eval()(images()), model(images()))


def test_it_is_read_back_as_it_is_described(kind: Foreign) -> None:
    assert build(describe(kind), "arch") == kind


def test_images_are_normalised_and_resized_for_it(tmp_path: Path) -> None:
    file = scripted(network(), tmp_path / "model")
    model = model_of(foreign(file, mean=(0.2,), std=(0.5,), resize=8), (1, 16, 16)).eval()
    large = images(2, (1, 16, 16))
    smaller = nn.functional.interpolate(large, size=(8, 8), mode="bilinear")
    torch.testing.assert_close(model(stored(large)), network()((smaller - 0.2) / 0.5))


def test_three_means_make_three_channels_of_a_grey_image(tmp_path: Path) -> None:
    original = network(channels=3)
    mean, std = (0.1, 0.2, 0.3), (0.4, 0.5, 0.6)
    model = model_of(foreign(scripted(original, tmp_path / "model"), mean=mean, std=std)).eval()
    moved = (images().expand(-1, 3, -1, -1) - torch.tensor(mean).view(1, 3, 1, 1)) / torch.tensor(std).view(
        1, 3, 1, 1
    )
    torch.testing.assert_close(model(images()), original(moved.contiguous()))


def test_a_model_in_half_precision_is_measured_in_float32(tmp_path: Path) -> None:
    file = scripted(network().half(), tmp_path / "model")
    torch.testing.assert_close(
        model_of(foreign(file)).eval()(images()), network().half().float()(images().contiguous())
    )


# What is refused
