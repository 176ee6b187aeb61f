"""What a model was trained on: training images as they are, and as its training data made them.

Figure 2 (left) of Tao et al. (2022): noise, mislabeling, poisoning and quality.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from analysis.curves.drawing import STYLE, plain, show_image
from analysis.curves.examples import caption_color
from hypo.settings.errors import InputError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from torch import Tensor

_PANEL = 0.75  # inches
_CHARACTERS = 14  # to an inch


@dataclass(frozen=True)
class Sample:
    """One training image: (channels, height, width) in [0, 1] and the name of its label, before and after."""

    clean: Tensor
    label: str
    crafted: Tensor
    trained_label: str


@dataclass(frozen=True)
class Samples:
    """What one run shows; none of a naive model, which was trained on nothing."""

    name: str
    shown: tuple[Sample, ...]


def samples(run: str | Path, count: int) -> Samples:
    """`count` of the images that the run was trained on, drawn at random, the same for all runs on one data set.

    Nothing is trained and nothing crafted: poisons are read from where the runs keep them.

    Raises:
        InputError: when it is no run, its data or code are no longer the same, or its poisons are not there.
    """
    from torch import nn

    from hypo.jobs.job import from_record
    from hypo.runs.crafted import AlreadyCrafted
    from hypo.runs.directory import RunDirectory
    from hypo.settings.identity import trains
    from hypo.training.holding_out import divided

    path = Path(run)
    directory = RunDirectory(path)
    config = directory.config()
    record = {"directory": path.name, "config": config, "command": str(directory.status().get("command", ""))}
    experiment = from_record(record, path.parent).experiment
    name = str(config.get("name", path.name))
    if not trains(experiment):
        return Samples(name, ())
    data = experiment.dataset.load()
    # Whatever is not there is not crafted, so that nothing is asked of the models that it would be crafted on.
    models = [nn.Identity() for _ in experiment.prerequisites]
    kept = AlreadyCrafted(path.absolute().parent.parent / "crafted", path.name)
    prepared = experiment.training_data.prepare(data, experiment, models, kept)
    parts = (divided(each.train, experiment.recipe) for each in (data, prepared))
    before, after = (limited.select(trained_on) for limited, trained_on, _ in parts)
    _, chosen = before.limited(count)
    shown = tuple(
        Sample(
            clean=before.images[at].float() / data.maximum,
            label=data.classes[int(before.labels[at])],
            crafted=after.images[at].float() / prepared.maximum,
            trained_label=prepared.classes[int(after.labels[at])],
        )
        for at in chosen.tolist()
    )
    return Samples(name, shown)


def figure(found: Sequence[Samples]) -> Figure:
    """Draw for every run a row of images as they are and one of what was trained on, with labels; wrong ones red.

    Raises:
        InputError: when none of the runs was trained on anything.
    """
    import matplotlib
    from matplotlib.figure import Figure

    columns = max(len(each.shown) for each in found)
    if not columns:
        names = ", ".join(each.name for each in found)
        raise InputError(f"samples: a naive model was trained on nothing, got {names}")
    with matplotlib.rc_context(STYLE):
        width = max(3.4, 0.4 + columns * _PANEL)
        heights = [2 * (_PANEL + 0.25) + 0.3 if each.shown else 0.4 for each in found]
        result = Figure(figsize=(width, sum(heights)), layout="constrained")
        parts = result.subfigures(len(found), 1, squeeze=False, height_ratios=heights).flatten()
        for part, each in zip(parts, found, strict=True):
            title = each.name if each.shown else f"{each.name}: trained on nothing"
            part.suptitle(plain(textwrap.fill(title, int(_CHARACTERS * width))))
            if not each.shown:
                continue
            before, after = part.subplots(2, columns, squeeze=False)
            for axes in (*before, *after):
                axes.set(xticks=[], yticks=[], frame_on=False)
            before[0].set_ylabel("as it is")
            after[0].set_ylabel("trained on")
            for above, below, sample in zip(before, after, each.shown, strict=False):
                _draw(above, sample.clean, sample.label, sample.label)
                _draw(below, sample.crafted, sample.trained_label, sample.label)
    return result


def _draw(axes: Axes, image: Tensor, given: str, true: str) -> None:
    show_image(axes, image)
    axes.set_xlabel(plain(given), color=caption_color(given, true), fontsize=7, labelpad=2)
