"""Torchvision's classifiers with their published weights: what these bring, and what is said where they lack."""

from __future__ import annotations

import urllib.error
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torchvision import models

from hypo.architectures.normalised import Normalised, is_loaded
from hypo.architectures.torchvision import Torchvision
from hypo.settings.components import build, describe
from hypo.settings.errors import InputError

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
CIFAR10 = (3, 32, 32)


def of(images: int, shape: tuple[int, int, int] = CIFAR10) -> Tensor:
    return torch.rand(images, *shape, generator=torch.Generator().manual_seed(2))


@pytest.fixture
def weights_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where torch looks for weights; and no network."""

    def unreachable(*_: object, **__: object) -> None:
        raise urllib.error.URLError("Name or service not known")

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr("torch.hub.urlopen", unreachable)
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    return folder


def file_of(name: str, weights: str) -> str:
    return str(models.get_model_weights(name)[weights].url.rpartition("/")[2])


def loaded(arch: Torchvision, shape: tuple[int, int, int]) -> Normalised:
    """As a run would have it, on a data set that has another normalisation."""
    model = Normalised(arch.build(shape, 1000), (0.1, 0.2, 0.3), (0.4, 0.5, 0.6))
    arch.load(model)
    return model.eval()


def test_weights_bring_their_normalisation(weights_folder: Path) -> None:
    torch.manual_seed(1)
    published = models.get_model("squeezenet1_1").eval()
    torch.save(published.state_dict(), weights_folder / file_of("squeezenet1_1", "IMAGENET1K_V1"))
    model = loaded(Torchvision("squeezenet1_1", "DEFAULT"), CIFAR10)
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (IMAGENET_MEAN, IMAGENET_STD))
    assert torch.equal(model(of(2)), published((of(2) - mean) / std))


def made(monkeypatch: pytest.MonkeyPatch, state: dict[str, Tensor]) -> None:
    """Have torchvision give `state` for whatever weights it is asked for."""
    monkeypatch.setattr(models.WeightsEnum, "get_state_dict", lambda *_, **__: state)


def test_inception_normalises_once_and_has_no_auxiliary_logits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Torchvision's own normalises its normalised images once more, inside."""
    torch.manual_seed(1)
    published = models.get_model("inception_v3", transform_input=True, init_weights=False).eval()
    made(monkeypatch, published.state_dict())
    shape = (3, 75, 75)
    model = loaded(Torchvision("inception_v3", "IMAGENET1K_V1"), shape)
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (IMAGENET_MEAN, IMAGENET_STD))
    assert torch.allclose(model(of(2, shape)), published((of(2, shape) - mean) / std), atol=1e-5)


def test_files_of_densenets_have_other_names(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(1)
    published = models.get_model("densenet121").state_dict()
    old = {
        key.replace(".norm1.", ".norm.1.").replace(".conv2.", ".conv.2."): tensor
        for key, tensor in published.items()
    }
    assert old.keys() != published.keys()
    made(monkeypatch, old)
    model = loaded(Torchvision("densenet121", "DEFAULT"), CIFAR10)
    for key, tensor in model.get_submodule("network.network").state_dict().items():
        assert torch.equal(tensor, published[key])


def test_default_is_called_what_it_stands_for_and_is_what_it_is_loaded() -> None:
    default = Torchvision("resnet50", "DEFAULT")
    assert default == Torchvision("resnet50", "IMAGENET1K_V2")
    assert describe(default, identity=True) == {
        "_target_": "Torchvision",
        "name": "resnet50",
        "weights": "IMAGENET1K_V2",
        "stem": "imagenet",
        "resize": None,
    }
    assert build(describe(default), "arch") == default
    assert is_loaded(default)
    assert not is_loaded(Torchvision("resnet50"))


def test_weights_that_cannot_be_fetched(weights_folder: Path) -> None:
    arch, file = Torchvision("squeezenet1_1", "DEFAULT"), file_of("squeezenet1_1", "IMAGENET1K_V1")
    with pytest.raises(InputError) as caught:
        loaded(arch, CIFAR10)
    assert str(caught.value) == (
        f"arch.weights: https://download.pytorch.org/models/{file} cannot be fetched (URLError <urlopen error Name"
        f" or service not known>); put the file at {weights_folder / file}, in the folder that TORCH_HOME says"
    )


@pytest.mark.parametrize("content", [b"", b"no weights at all"])
def test_weights_that_are_damaged(weights_folder: Path, content: bytes) -> None:
    file = weights_folder / file_of("squeezenet1_1", "IMAGENET1K_V1")
    file.write_bytes(content)
    with pytest.raises(InputError, match=rf"\Aarch.weights: {file} is damaged \(.*\); delete it\Z"):
        loaded(Torchvision("squeezenet1_1", "DEFAULT"), CIFAR10)


def test_weights_of_another_network(weights_folder: Path) -> None:
    file = weights_folder / file_of("squeezenet1_1", "IMAGENET1K_V1")
    torch.save({"features.0.weight": torch.zeros(3)}, file)
    with pytest.raises(InputError, match=rf"\Aarch.weights: {file} holds other weights \(.*\); delete it\Z"):
        loaded(Torchvision("squeezenet1_1", "DEFAULT"), CIFAR10)
