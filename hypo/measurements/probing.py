"""Whether a model is what it is taken for, as a warning that goes with all its numbers."""

from __future__ import annotations

from dataclasses import dataclass

from hypo.architectures import probing
from hypo.architectures.preprocessing import likely_preprocessing, tried
from hypo.attacks.model_state import attacked
from hypo.measurements.finding import Curve, Finding, Point
from hypo.measurements.measurement import Subject
from hypo.measurements.risks import Share


@dataclass(frozen=True)
class Probing:
    """What `probe` sees of a model that was made elsewhere, and how it does on images normalised otherwise."""

    def measure(self, subject: Subject) -> Finding:
        """A warning of all that is wrong, and accuracy over preprocessing; nothing where hypo made the model."""
        title = "The model as it was found"
        if not hasattr(subject.arch, "probe"):
            return Finding(title)
        data = subject.data
        few, more = (data.test.limited(count)[0] for count in (probing.shown(data.shape), tried(data.shape)))
        images, of_more = (split.images[:].float() / data.maximum for split in (few, more))
        with attacked(subject.model):
            seen = probing.probe(subject.model, images, few.labels, len(data.classes))
            fits = likely_preprocessing(subject.model, of_more, more.labels, subject.evaluation.batch)
        points = tuple(
            Point(each.name, Share(int(right.sum()), len(right))) for each, right in fits.correct.items()
        )
        curve = Curve("fit", "images that are predicted correctly", "how they are normalised", points)
        return Finding(title, curves=(curve,), warning="; ".join([*seen, *filter(None, [fits.warning])]))
