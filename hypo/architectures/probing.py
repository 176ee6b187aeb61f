"""What is wrong with a model that hypo did not train, before anything is measured with it."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from hypo.architectures.adapted import ROUNDING, Adapted, differ, one_tensor
from hypo.settings.errors import InputError

LEAST, MOST = 8, 64
PIXEL_VALUES = 2**21
"""How many images a model is shown: 13 of ImageNet."""

ALONE = 3
"""How many images are shown alone, and not in a batch."""


def probe(model: nn.Module, images: Tensor, labels: Tensor, classes: int) -> list[str]:
    """What is to be known of a model before its numbers are believed, a line each; none where nothing is wrong.

    Args:
        model: in the mode and state that it is measured in, as `attacked` leaves it.
        images: (batch, channels, height, width) in [0, 1], a few dozen test images, on the model's device.
        labels: (batch,) int64.
        classes: of the data set.

    Raises:
        InputError: when nothing can be measured: what the model returns is no finite (batch, classes).
    """
    logits = interface(model, images, classes)
    if wrong := int((~torch.isfinite(logits).all(1)).sum()):
        kind = "NaN" if bool(torch.isnan(logits).any()) else "infinity"
        raise InputError(f"model: takes one with finite logits, got {kind} for {wrong} of {len(images)} images")
    sums_to_one = bool(((logits >= 0).all(1) & ((logits.sum(1) - 1).abs() < ROUNDING)).all())
    told = any(isinstance(part, Adapted) and part.probabilities for part in model.modules())
    if told and not bool(((logits.exp().sum(1) - 1).abs() < ROUNDING).all()):
        raise InputError("arch.outputs: takes logits where outputs do not sum to 1, as here, got probabilities")
    lines = []
    if sums_to_one:
        lines.append(
            "the model returns probabilities: every row sums to 1, and cross-entropy on them hides gradients from"
            " attacks; let it return their logarithms, or pass arch.outputs=probabilities"
        )
    lines += _changing(model, images, logits)
    lines += _gradient(model, images)
    lines += _guessing(logits, labels, classes)
    return lines


def shown(shape: Sequence[int]) -> int:
    """How many images of `shape` (channels, height, width) to show: of large ones fewer; gradients take room."""
    return max(LEAST, min(MOST, PIXEL_VALUES // math.prod(shape)))


def returned_for(model: nn.Module, images: Tensor, remedy: str = "") -> Tensor:
    """The one tensor that the model returns for `images`, whatever its shape.

    Args:
        remedy: for images that it cannot take, at the end of the line.

    Raises:
        InputError: when it cannot take these images, or returns no such thing.
    """
    with torch.no_grad():
        try:
            return one_tensor(model(images))
        except InputError:
            raise
        except Exception as error:  # whatever a network does to images that it is not for
            raise InputError(
                f"model: cannot take images of {_form(images[0])} ({_reason(error)}){remedy}"
            ) from None


def interface(model: nn.Module, images: Tensor, classes: int) -> Tensor:
    """The model's logits for `images`, (batch, classes).

    Raises:
        InputError: when it cannot take these images, or returns anything else.
    """
    logits = returned_for(model, images, f"; {_remedy(images)}")
    returned = _form(logits)
    if not logits.is_floating_point():
        kind = str(logits.dtype).removeprefix("torch.")
        raise InputError(
            f"model: takes one that returns logits, got {kind} of shape {returned}; take argmax, or what rounds,"
            " out of it"
        )
    if logits.dim() != 2 or len(logits) != len(images):
        raise InputError(
            f"model: takes one that returns logits, of {len(images)} images {len(images)}x{classes}, got"
            f" {returned}; wrap it in a module that returns these"
        )
    if logits.shape[1] != classes:
        raise InputError(
            f"model: has {logits.shape[1]} outputs, the data set {classes} classes; take the classes that it was"
            " trained on, or wrap it in a module that returns their logits"
        )
    return logits


def _changing(model: nn.Module, images: Tensor, logits: Tensor) -> list[str]:
    """Whether it says something else the second time, or of an image that is alone."""
    with torch.no_grad():
        again = one_tensor(model(images))
    if differ(logits, again):
        moved = int((logits.argmax(1) != again.argmax(1)).sum())
        return [
            f"the model is not deterministic: a second pass changes logits by up to {_change(logits, again)}, and"
            f" {moved} of {len(images)} predictions; put it in eval mode before it is saved, and take random"
            " layers out of it"
        ]
    alone = []
    for index in range(min(ALONE, len(images))):
        try:
            with torch.no_grad():
                alone.append(one_tensor(model(images[index : index + 1])))
            if alone[-1].shape != logits[:1].shape:
                raise ValueError(f"which gives {_form(alone[-1])}")
        except Exception as error:
            raise InputError(
                f"model: takes {len(images)} images and not one ({_reason(error)}); export or trace it so that the"
                " batch may have any size, and in eval mode"
            ) from None
    if alone and differ(logits[: len(alone)], torch.cat(alone)):
        change = _change(logits[: len(alone)], torch.cat(alone))
        return [
            f"the model changes with the batch: logits of an image alone differ by up to {change} from those"
            " that it has among others; put it in eval mode before it is saved"
        ]
    return []


def _gradient(model: nn.Module, images: Tensor) -> list[str]:
    """Whether attacks get a gradient."""
    points = images.detach().clone().requires_grad_()
    advice = "attacks along it find nothing; only those without gradients tell anything"
    with torch.enable_grad():
        try:
            logits = one_tensor(model(points))
            # Weights that differ by class: softmax has the same sum everywhere, and its gradient is zero.
            weights = torch.linspace(-1, 1, logits.shape[1], device=logits.device)
            (gradient,) = torch.autograd.grad((logits * weights).sum(), points)
        except RuntimeError as error:
            return [f"the model passes no gradient to its images ({_reason(error)}): {advice}"]
    if not bool(torch.isfinite(gradient).all()):
        return [f"the model passes a gradient to its images that is not finite: {advice}"]
    if nothing := int((gradient.flatten(1).abs().amax(1) == 0).sum()):
        return [f"the model passes no gradient to {nothing} of {len(images)} images: {advice}"]
    return []


def _guessing(logits: Tensor, labels: Tensor, classes: int) -> list[str]:
    """Whether it is no better than a guess."""
    right, count, chance = int((logits.argmax(1) == labels).sum()), len(labels), 1 / classes
    if right > count * chance + 2 * math.sqrt(count * chance * (1 - chance)):
        return []
    return [
        f"the model is right about {right} of {count} images, as a guess among {classes} classes would be:"
        " they may be in another order than those of the data set, or images are to be normalised otherwise"
    ]


def _change(logits: Tensor, others: Tensor) -> str:
    return f"{float((logits - others).abs().max()):.2g}"


def _form(tensor: Tensor) -> str:
    return "x".join(map(str, tensor.shape))


def _remedy(images: Tensor) -> str:
    grey = ", and three numbers in arch.mean and arch.std repeat grey images to three channels"
    return f"arch.resize or dataset.size brings them to another size{grey if images.shape[1] == 1 else ''}"


def _reason(error: Exception) -> str:
    """The last line of what torch says, which of TorchScript is the one that tells."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    last = [line for line in lines if "Error: " in line][-1:]
    return (*last, *lines, type(error).__name__)[0].removeprefix("RuntimeError: ")[:160]
