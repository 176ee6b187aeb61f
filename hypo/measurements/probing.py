"""Whether a model is what it is taken for, as a warning that goes with all its numbers."""

from __future__ import annotations

from dataclasses import dataclass

from hypo.architectures import probing
from hypo.architectures.preprocessing import likely_preprocessing
from hypo.attacks.model_state import attacked
from hypo.measurements.finding import Curve, Finding, Point
from hypo.measurements.measurement import Subject
from hypo.measurements.risks import Share
from hypo.settings import checks


@dataclass(frozen=True)
class Probing:
    """What `probe` sees of a model that was made elsewhere, and how it does on images normalised otherwise.

    Attributes:
        examples: how many test images it is shown, >= 1.
    """

    examples: int = 64

    def __post_init__(self) -> None:
        checks.integer("examples", self.examples, at_least=1)

    def measure(self, subject: Subject) -> Finding:
        """A warning of all that is wrong, and accuracy over preprocessing; nothing where hypo made the model."""
        title = "The model as it was found"
        if not hasattr(subject.arch, "probe"):
            return Finding(title)
        test, data = subject.test, subject.data
        images, labels = test.images[: self.examples].float() / data.maximum, test.labels[: self.examples]
        with attacked(subject.model):
            seen = probing.probe(subject.model, images, labels, len(data.classes))
            fits = likely_preprocessing(subject.model, images, labels, subject.evaluation.batch)
        points = tuple(
            Point(each.name, Share(int(right.sum()), len(right))) for each, right in fits.correct.items()
        )
        curve = Curve("fit", "images that are predicted correctly", "how they are normalised", points)
        return Finding(title, curves=(curve,), warning="; ".join([*seen, *filter(None, [fits.warning])]))
