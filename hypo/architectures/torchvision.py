"""Torchvision's classifiers, as they are initialised or with the weights that come with them."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hypo.settings import checks
from hypo.settings.errors import InputError

_WITH_AUXILIARY_LOGITS = ("googlenet", "inception_v3")
"""Those that have further outputs in training, and in which torchvision normalises once more."""


@dataclass(frozen=True)
class Torchvision:
    """Any classifier of torchvision. With weights it is measured as it is, never trained.

    Only the main logits are there: GoogLeNet and Inception-v3 have none of their auxiliary classifiers.

    Attributes:
        name: of the network, such as resnet50.
        weights: None for the initial ones, else the name of some that torchvision has for this network, such as
            IMAGENET1K_V1; DEFAULT becomes the name of those that it stands for. They bring the mean and std that
            the images are normalised by.
        stem: "imagenet" as it is, or "small" for small images: a first convolution of 3×3 with stride 1 and no
            pooling after it; ResNets and DenseNets have it.
        resize: height and width in pixels that images are brought to in the network, bilinearly; None leaves
            them as they are.
    """

    name: str
    weights: str | None = None
    stem: Literal["imagenet", "small"] = "imagenet"
    resize: int | None = None

    def __post_init__(self) -> None:
        from torchvision import models

        if self.name not in (known := models.list_models(module=models)):
            near = difflib.get_close_matches(self.name, known, n=3, cutoff=0.4) or known
            takes = f"a classifier of torchvision, such as {', '.join(near)}"
            raise InputError(f"name: takes the name of {takes}, got {checks.shown(self.name)}")
        checks.choice("stem", self.stem, ("imagenet", "small"))
        if self.resize is not None:
            object.__setattr__(self, "resize", checks.integer("resize", self.resize, at_least=1))
        if self.weights is None:
            return
        if self.weights not in (there := models.get_model_weights(self.name)).__members__:
            names = ", ".join(each.name for each in there)
            got = f"{checks.shown(self.weights)} for {self.name}"
            raise InputError(f"weights: takes null, DEFAULT or one of {names}, got {got}")
        object.__setattr__(self, "weights", there[self.weights].name)
        if self.stem == "small":
            raise InputError("stem: takes imagenet where there are weights, which are for no other, got small")

    @property
    def is_loaded(self) -> bool:
        """Whether it is there already; see `Architecture`."""
        return self.weights is not None

    def build(self, shape: tuple[int, int, int], classes: int) -> nn.Module:
        """The network for images of `shape` (channels, height, width), without any weights but the initial ones.

        Raises:
            InputError: when it cannot take such images, or its weights are for another number of classes.
        """
        channels = shape[0]
        if channels != 3 and (channels != 1 or self.is_loaded):
            others = "" if self.is_loaded else ", or of one"
            raise InputError(f"arch: {self.name} takes images of three channels{others}, got {channels}")
        if self.weights is not None and classes != (known := len(self._published.meta["categories"])):
            of = f"{self.weights} of {self.name}"
            raise InputError(f"arch.weights: {of} know {known} classes, the data set has {classes}")
        network = self._network(classes)
        with torch.device("meta"), torch.no_grad():
            try:
                self._network(classes).eval()(torch.empty(1, *shape))
            except (RuntimeError, AssertionError, ValueError) as error:
                reason = " ".join(str(error).split())[:120]
                size = "x".join(map(str, shape[1:]))
                raise InputError(
                    f"arch.resize: {self.name} takes larger images, or those of one size, got {size} ({reason})"
                ) from None
        return network

    def load(self, model: nn.Module) -> None:
        """Put the weights into `model`, a `Normalised` with what `build` made, and what these normalise by.

        Raises:
            InputError: when they cannot be fetched, or their file is damaged.
        """
        network = model.get_submodule("network.network")
        tensors = self._fetched()
        if self.name.startswith("densenet"):  # whose files are older than its layers' names
            tensors = {re.sub(r"\.(norm|conv)\.([12])\.", r".\1\2.", key): value for key, value in tensors.items()}
        wanted = network.state_dict()
        try:
            network.load_state_dict({key: value for key, value in tensors.items() if key in wanted})
        except RuntimeError as error:
            reason = " ".join(str(error).split())[:120]
            raise InputError(f"arch.weights: {self._file} holds other weights ({reason}); delete it") from None
        preset = self._published.transforms()
        for name in ("mean", "std"):
            values = [0.5] * 3 if self.name in _WITH_AUXILIARY_LOGITS else getattr(preset, name)
            model.get_buffer(name).copy_(torch.tensor(values).view(1, -1, 1, 1))

    def _network(self, classes: int) -> Prepared:
        from torchvision import models

        settings: dict[str, Any] = {"num_classes": classes}
        if self.name in _WITH_AUXILIARY_LOGITS:
            settings |= {"aux_logits": False, "transform_input": False, "init_weights": not self.is_loaded}
        network = models.get_model(self.name, weights=None, **settings)
        if self.stem == "small":
            _make_stem_small(network, self.name)
        return Prepared(network, self.resize)

    @property
    def _published(self) -> Any:
        """Torchvision's description of the weights."""
        from torchvision import models

        return models.get_model_weights(self.name)[self.weights]

    @property
    def _file(self) -> Path:
        """Where torch keeps the weights."""
        return Path(torch.hub.get_dir()) / "checkpoints" / self._published.url.rpartition("/")[2]

    def _fetched(self) -> Mapping[str, Tensor]:
        """The weights by name, on the CPU, fetched where they are not there yet."""
        was_there = self._file.exists()
        try:
            return self._published.get_state_dict(
                progress=False, check_hash=True, weights_only=True, map_location="cpu"
            )
        except Exception as error:  # the network, the hash and the file's format have their own errors each
            reason = " ".join(f"{type(error).__name__} {error}".split())[:160]
            if was_there:
                raise InputError(f"arch.weights: {self._file} is damaged ({reason}); delete it") from None
            raise InputError(
                f"arch.weights: {self._published.url} cannot be fetched ({reason}); put the file at {self._file},"
                " in the folder that TORCH_HOME says"
            ) from None


class Prepared(nn.Module):
    """`network` on images of three channels, repeated from one where they are grey, and of the size it takes.

    Args:
        resize: see `Torchvision`.
    """

    def __init__(self, network: nn.Module, resize: int | None) -> None:
        super().__init__()
        self.network = network
        self.resize = resize

    def forward(self, images: Tensor) -> Tensor:
        """Logits, (batch, classes), of normalised images, (batch, 1 or 3, height, width)."""
        if images.shape[1] == 1:
            images = images.expand(-1, 3, -1, -1)
        if self.resize is not None:
            images = F.interpolate(images, size=(self.resize, self.resize), mode="bilinear")
        return self.network(images)


def _make_stem_small(network: nn.Module, name: str) -> None:
    """Put a 3×3 convolution of stride 1 in the place of the first of `network`, and nothing in that of pooling."""
    from torchvision.models import DenseNet, ResNet

    if isinstance(network, ResNet):
        network.conv1 = _like(network.conv1)
        network.maxpool = nn.Identity()
    elif isinstance(network, DenseNet):
        network.features.conv0 = _like(network.features.conv0)
        network.features.pool0 = nn.Identity()
    else:
        raise InputError(f"arch.stem: small is what ResNets and DenseNets have, got {name}")


def _like(first: nn.Conv2d) -> nn.Conv2d:
    """A small convolution with the channels of `first`, initialised as torchvision does that of a ResNet."""
    convolution = nn.Conv2d(3, first.out_channels, 3, padding=1, bias=False)
    nn.init.kaiming_normal_(convolution.weight, mode="fan_out", nonlinearity="relu")
    return convolution
