"""Which preprocessing a model wants: tried out on test images, because its file does not say."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest

import torch
from torch import Tensor, nn

from hypo.architectures.adapted import Adapted, one_tensor

LEAST, MOST = 24, 64
PIXEL_VALUES = 2**22
"""How many images each is tried on: 27 of ImageNet, which a CPU gets through in a minute."""

LEVEL = 1e-3
"""Of the test that one preprocessing fits better than another: few enough false alarms for one in each audit."""


@dataclass(frozen=True)
class Preprocessing:
    """Images in [0, 1] normalised by `mean` and `std` of each channel.

    Attributes:
        name: as a line of text calls it.
    """

    name: str
    mean: tuple[float, ...]
    std: tuple[float, ...]

    @property
    def settings(self) -> str:
        """What to pass for it."""
        return " ".join(
            f"arch.{key}={_listed(values)}" for key, values in (("mean", self.mean), ("std", self.std))
        )


def candidates(channels: int) -> list[Preprocessing]:
    """What models are commonly trained with; images as they are come first."""
    of_color = [
        Preprocessing("ImageNet's mean and std", (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
        Preprocessing("CIFAR-10's mean and std", (0.4914, 0.4822, 0.4465), (0.247, 0.2435, 0.2616)),
    ]
    of_grey = [Preprocessing("MNIST's mean and std", (0.1307,), (0.3081,))]
    return [
        Preprocessing("[0, 1]", (0.0,) * channels, (1.0,) * channels),
        Preprocessing("[-1, 1]", (0.5,) * channels, (0.5,) * channels),
        Preprocessing("[0, 255]", (0.0,) * channels, (1 / 255,) * channels),
        *{1: of_grey, 3: of_color}.get(channels, []),
    ]


def tried(shape: Sequence[int]) -> int:
    """How many images of `shape` (channels, height, width) to try each on."""
    return max(LEAST, min(MOST, PIXEL_VALUES // math.prod(shape)))


@dataclass(frozen=True)
class Fits:
    """How often a model is right under each preprocessing, of the same images.

    Attributes:
        correct: by preprocessing, the one that was given first; (images,) bool each.
        given: whether the first was given, or is only what images are where nothing is said.
    """

    correct: dict[Preprocessing, Tensor]
    given: bool

    @property
    def current(self) -> Preprocessing:
        """What the model has now."""
        return next(iter(self.correct))

    @property
    def best(self) -> Preprocessing:
        """The one that the model is right with most often; of equals the current, and then the first."""
        return max(self.correct, key=lambda each: int(self.correct[each].sum()))

    @property
    def another_fits_better(self) -> bool:
        """Whether the best is better than the current one by more than luck: an exact sign test of `LEVEL`."""
        from scipy.stats import binomtest

        best, current = self.correct[self.best], self.correct[self.current]
        only_best, only_current = int((best & ~current).sum()), int((current & ~best).sum())
        decided = only_best + only_current
        return decided > 0 and bool(binomtest(only_best, decided, alternative="greater").pvalue < LEVEL)

    @property
    def warning(self) -> str:
        """A line where another one fits better than what the model has, and what to pass; "" where none does."""
        if not self.another_fits_better:
            return ""
        counts = f"{self._count(self.current)}, and about {self._count(self.best)}"
        return f"the model is right about {counts}; normalise in its first layer, or pass {self.best.settings}"

    @property
    def question(self) -> str:
        """What to ask where nothing was given and the answer matters; "" where it does not."""
        if self.given or not self.another_fits_better:
            return ""
        order = sorted(self.correct, key=lambda each: -int(self.correct[each].sum()))
        counts = ", ".join(map(self._count, order))
        return f"How are images normalised for this model? It is right about {counts}; pass {self.best.settings}"

    def _count(self, each: Preprocessing) -> str:
        correct = self.correct[each]
        return f"{int(correct.sum())} of {len(correct)} images with {each.name}"


def likely_preprocessing(model: nn.Module, images: Tensor, labels: Tensor, batch: int = 50) -> Fits:
    """How often `model` is right about `images` under each of the usual ways of normalising them.

    Args:
        model: in the mode that it is measured in. Where it is `Adapted`, or begins with what is, its mean and std
            are those that were given, if any; those of the others replace them.
        images: (images, channels, height, width) in [0, 1], a few hundred, on the model's device.
        labels: (images,) int64.
        batch: how many at once.
    """
    adapted = next((part for part in model.modules() if isinstance(part, Adapted)), None)
    common = candidates(images.shape[1])
    given = adapted is not None and adapted.mean is not None
    current = common[0]
    if adapted is not None and given:
        mean, std = (tuple(adapted.get_buffer(name).flatten().tolist()) for name in ("mean", "std"))
        current = Preprocessing("what was given", mean, std)
    tried = [current, *(each for each in common if not _same(each, current))]
    return Fits({each: _correct(adapted or model, each, images, labels, batch) for each in tried}, given)


def _correct(model: nn.Module, preprocessing: Preprocessing, images: Tensor, labels: Tensor, batch: int) -> Tensor:
    mean, std = (
        torch.tensor(values, device=images.device).view(1, -1, 1, 1)
        for values in (preprocessing.mean, preprocessing.std)
    )
    predictions = []
    with torch.no_grad():
        for part in torch.split(images, batch):
            if isinstance(model, Adapted):
                logits = model.normalised_by(mean, std, part)
            else:
                logits = one_tensor(model((part - mean) / std))
            predictions.append(logits.argmax(1))
    return (torch.cat(predictions) == labels).cpu()


def _same(one: Preprocessing, other: Preprocessing) -> bool:
    """Whether both do the same, to three digits."""
    mine, theirs = ((*each.mean, *each.std) for each in (one, other))
    return all(math.isclose(*pair, rel_tol=1e-3) for pair in zip_longest(mine, theirs, fillvalue=math.inf))


def _listed(values: Sequence[float]) -> str:
    return f"[{','.join(f'{value:.6g}' for value in values)}]"
