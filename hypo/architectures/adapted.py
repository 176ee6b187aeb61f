"""A network that hypo did not make, taking and giving what the others do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hypo.settings.errors import InputError

ROUNDING = 1e-3
"""By how much float32 may change logits, of the largest: sums in another order, and TF32, change them by less."""


class Adapted(nn.Module):
    """`network` on images in [0, 1], which are resized and normalised for it; what it returns become logits.

    Args:
        mean, std: of each channel, in units of [0, 1]; None where the network takes images as they are. Three of
            them repeat a grey image to three channels.
        resize: height and width in pixels that images are brought to, bilinearly; None leaves them as they are.
        probabilities: whether the network returns these; their logarithms are the logits then.
    """

    def __init__(
        self,
        network: nn.Module,
        mean: Sequence[float] | None = None,
        std: Sequence[float] | None = None,
        resize: int | None = None,
        probabilities: bool = False,
    ) -> None:
        super().__init__()
        self.network = network
        self.resize = resize
        self.probabilities = probabilities
        self.by_channel = True
        for name, values in (("mean", mean), ("std", std)):
            self.register_buffer(name, None if values is None else torch.tensor(values).view(1, -1, 1, 1))

    def forward(self, images: Tensor) -> Tensor:
        """Logits, (batch, classes), of (batch, channels, height, width) in [0, 1].

        Raises:
            InputError: when the network returns anything but one tensor.
        """
        given = self.mean is not None
        mean, std = (self.get_buffer("mean"), self.get_buffer("std")) if given else (None, None)
        return self.normalised_by(mean, std, images)

    def normalised_by(self, mean: Tensor | None, std: Tensor | None, images: Tensor) -> Tensor:
        """What `forward` gives, with another mean and std."""
        if self.resize is not None:
            images = F.interpolate(images, size=(self.resize, self.resize), mode="bilinear")
        if mean is not None and std is not None:
            images = (images - mean) / std
        outputs = one_tensor(self.network(_by_channel(images) if self.by_channel else images))
        # No probability is less: where float32 rounds to 0, the logarithm stays finite.
        return outputs.clamp_min(torch.finfo(outputs.dtype).tiny).log() if self.probabilities else outputs

    def choose_layout(self, shape: tuple[int, int, int]) -> None:
        """Take images of `shape` as they are stored, channels-last, if the network gives the same for them.

        Convolutions are faster then by half. But from weights and images that are channels-last they make what is
        channels-last too, and to `view` that, as many networks do, is an error.
        """
        images = torch.rand(2, *shape, generator=torch.Generator().manual_seed(0))
        try:
            with torch.no_grad():
                expected = self(images)
                self.by_channel = False
                self.to(memory_format=torch.channels_last)
                found = self(images.to(memory_format=torch.channels_last))
            self.by_channel = differ(expected, found)
        except Exception:  # whatever a network does to what it is not for; it is probed before it is measured
            self.by_channel = True
        self._apply(lambda tensor: tensor)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Adapted:
        """Move or convert the network, with its weights laid out as it takes them; see `choose_layout`."""
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        if self.by_channel:
            for tensor in (*self.network.parameters(), *self.network.buffers()):
                tensor.data = _by_channel(tensor.data)
        return self


def _by_channel(tensor: Tensor) -> Tensor:
    """The same numbers, laid out as torch does where nothing is said; of one channel both layouts look alike."""
    if tensor.dim() == 4 and tensor.is_contiguous(memory_format=torch.channels_last):
        return tensor.clone(memory_format=torch.contiguous_format)
    return tensor.contiguous()


def differ(logits: Tensor, others: Tensor) -> bool:
    """Whether by more than rounding."""
    return not bool((logits - others).abs().max() <= ROUNDING * logits.abs().max().clamp_min(ROUNDING))


def one_tensor(outputs: Any) -> Tensor:
    """What a network returned, or of Hugging Face's kind of it the logits.

    Raises:
        InputError: when that is no tensor.
    """
    found = getattr(outputs, "logits", outputs)
    if isinstance(found, Tensor):
        return found
    several = isinstance(outputs, (tuple, list, dict))
    got = f"a {type(outputs).__name__}" + (f" of {len(outputs)}" if several else "")
    raise InputError(
        f"model: takes one that returns a tensor of logits, (batch, classes), got {got}; wrap it in a module whose"
        " forward returns the tensor that is meant"
    )
