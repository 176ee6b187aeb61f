"""Single images that an attack moved, to be looked at: a mistake that a false friend hid, a prediction broken.

Figure 2 (left) and Table 4 of Tao et al. (2022).
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hypo.attacks.goals.goal import Goal
from hypo.attacks.goals.hypocritical import Hypocritical
from hypo.attacks.model_state import attacked
from hypo.attacks.searches.search import best
from hypo.attacks.threat_models.threat_model import ThreatModel
from hypo.measurements.evaluation import Evaluation
from hypo.measurements.finding import Finding, Picture
from hypo.measurements.measurement import Subject
from hypo.settings import checks
from hypo.settings.precision import full_precision
from hypo.settings.randomness import generator

_CAPTIONS = "examples"


@dataclass(frozen=True)
class Example:
    """One test image and where an attack took it.

    Attributes:
        clean, perturbed: (channels, height, width) in [0, 1].
        label, clean_prediction, perturbed_prediction: class names.
    """

    clean: Tensor
    perturbed: Tensor
    label: str
    clean_prediction: str
    perturbed_prediction: str


@dataclass(frozen=True)
class Caption:
    """The class names under one column of a sheet."""

    label: str
    clean_prediction: str
    perturbed_prediction: str


@dataclass(frozen=True)
class Sheet:
    """What `sheet` wrote: `factor` is how much the perturbations are stretched."""

    factor: float
    captions: tuple[Caption, ...]


@dataclass(frozen=True)
class Pictures:
    """A picture of mistakes that the false friend hid: `hidden`, a `sheet`; nothing where there is none.

    Attributes:
        count: of how many mistakes, at most, >= 1.
        point: which point of those that reach the goal: that of "largest_margin", or "first_success", where an
            attack that wants to be seen as little as may be stops (Tao et al. 2020, Appendix A.1).
    """

    count: int = 4
    point: Literal["largest_margin", "first_success"] = field(
        default="largest_margin", metadata={"implied": "largest_margin"}
    )

    def __post_init__(self) -> None:
        checks.integer("count", self.count, at_least=1)
        checks.choice("point", self.point, ("largest_margin", "first_success"))

    def measure(self, subject: Subject) -> Finding:
        """The first `count` that are hidden again, of the first twice as many that were."""
        flags, data = subject.flags, subject.data
        hidden = torch.from_numpy(flags.example[~flags.correct & flags.hyp])[: 2 * self.count].to(subject.device)
        images, labels = data.test.images[hidden].float() / data.maximum, data.test.labels[hidden]
        attack = (data.classes, Hypocritical, subject.threat_model, subject.evaluation)
        first = self.point == "first_success"
        shown = demonstrate(subject.model, images, labels, *attack, count=self.count, first=first)
        return finding(sheet(shown) if shown else None)


def finding(png: bytes | None) -> Finding:
    """A `sheet` of hidden mistakes, described; None where there are none."""
    about = "clean image, perturbation and perturbed image, in a column for each mistake"
    pictures = {} if png is None else {"hidden": Picture(png, about)}
    return Finding("Mistakes that a false friend hid", pictures=pictures)


def demonstrate(
    model: nn.Module,
    images: Tensor,
    labels: Tensor,
    classes: Sequence[str],
    goal_of: Callable[[Tensor], Goal],
    threat_model: ThreatModel,
    evaluation: Evaluation,
    count: int,
    *,
    first: bool = False,
) -> tuple[Example, ...]:
    """At most `count` of the images, in their order, with the best point of the evaluation's searches.

    They are repeated from a seed of their own; images on which they do not succeed this time are passed over.

    Args:
        images: (examples, channels, height, width) in [0, 1], on the model's device; those on which an attack
            succeeded before. labels: (examples,) int64.
        goal_of: what the attack is after, such as `Hypocritical`.
        first: whether it is not the best point that is shown but the first that succeeds.
    """
    images, labels = images[: 2 * count], labels[: 2 * count]
    if not len(images):
        return ()
    goal = evaluation.climbing(goal_of(labels))
    with full_precision(), attacked(model, surrogate=evaluation.surrogate):
        source = generator(images.device, 0, "demonstration")  # another word would make other pictures
        perturbed, margin = images, torch.full(labels.shape, float("-inf"), device=images.device)
        for search in evaluation.searches.values():
            candidate = best(search, evaluation.shown(model), images, goal, threat_model, source, first=first)
            with torch.no_grad():
                further = goal.margin(model(candidate))
            better = (further > margin) & (margin <= 0) if first else further > margin
            perturbed = torch.where(better.view(-1, 1, 1, 1), candidate, perturbed)
            margin = torch.where(better, further, margin)
        with torch.no_grad():
            logits = model(perturbed)
            before = model(images).argmax(1).tolist()
    after, label = logits.argmax(1).tolist(), labels.tolist()
    reached = (goal.margin(logits) > 0).nonzero().squeeze(1)[:count].tolist()
    clean, perturbed = images.cpu(), perturbed.cpu()
    return tuple(
        Example(clean[at], perturbed[at], classes[label[at]], classes[before[at]], classes[after[at]])
        for at in reached
    )


def stretch(examples: Sequence[Example]) -> float:
    """The factor by which the largest change becomes a step from mid-grey to black or white."""
    return 0.5 / max(float((each.perturbed - each.clean).abs().max()) for each in examples)


def sheet(examples: Sequence[Example]) -> bytes:
    """A PNG picture with a column for each of the examples, at least one: clean, perturbation, perturbed.

    One pixel is one pixel, with a white one between two images. Perturbations are stretched by one factor around
    mid-grey, which is no change. The captions are in the file, for `read_sheet`.
    """
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    factor = stretch(examples)
    clean, perturbed = ([each.clean for each in examples], [each.perturbed for each in examples])
    changes = [0.5 + factor * (after - before) for before, after in zip(clean, perturbed, strict=True)]
    # Images of one size side by side, with a white line after each, but the last.
    framed = [
        torch.cat([F.pad(image, (0, 1, 0, 1), value=1.0) for image in row], dim=2)
        for row in (clean, changes, perturbed)
    ]
    pixels = (
        (255 * torch.cat(framed, dim=1)[:, :-1, :-1])
        .round()
        .clamp(0, 255)
        .to(torch.uint8)
        .permute(1, 2, 0)
        .numpy()
    )
    captions = [
        {"label": each.label, "clean": each.clean_prediction, "perturbed": each.perturbed_prediction}
        for each in examples
    ]
    about = PngInfo()
    about.add_itxt(_CAPTIONS, json.dumps({"factor": factor, "captions": captions}))
    content = io.BytesIO()
    # One channel is grey; of any number but one and three, the first is shown.
    Image.fromarray(pixels if pixels.shape[2] == 3 else pixels[:, :, 0]).save(content, "png", pnginfo=about)
    return content.getvalue()


def read_sheet(path: Path) -> Sheet:
    """What the picture at `path` shows.

    Raises:
        OSError, ValueError, KeyError, TypeError: it is missing or is none of ours.
    """
    from PIL import Image

    with Image.open(path) as picture:
        picture.load()
        about = json.loads(picture.info[_CAPTIONS])
    captions = (Caption(each["label"], each["clean"], each["perturbed"]) for each in about["captions"])
    return Sheet(float(about["factor"]), tuple(captions))
