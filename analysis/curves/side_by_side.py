"""Test images named by their index, and what several models and their false friends make of them.

Table 4 of Tao et al. (2022): a row of pictures for every model; of each image clean, perturbation and perturbed.
"""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from analysis.curves.drawing import STYLE, plain, show_image
from analysis.curves.examples import caption_color
from analysis.reading import finished_run
from analysis.reading.same_settings import check_same
from hypo.settings.errors import InputError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from hypo.measurements.pictures import Example

CORRECT, NOT_HIDDEN, NOT_AGAIN = "correct", "not hidden", "hidden in the\nrun, not again"
"""Why there is no picture: the model is right, its false friend failed, or succeeded then and not this time."""

_PANEL = 0.8  # inches
_NAME = 1.3
_NAME_CHARACTERS = 20


@dataclass(frozen=True)
class SideBySide:
    """The images and, by the name of the run, what it shows of each: an example, or why there is none."""

    indices: tuple[int, ...]
    labels: tuple[str, ...]
    rows: Mapping[str, tuple[Example | str, ...]]


def side_by_side(runs: Sequence[Path], indices: Sequence[int]) -> SideBySide:
    """What the `runs` show of the test images at `indices`, each attacked by the run's own false friend.

    An image is attacked by itself, so that its pictures do not depend on what else is shown.

    Raises:
        InputError: when one is no finished run, they are on different data sets, or an index is none of theirs.
    """
    check_same("examples", runs, "dataset", "runs on one data set")
    rows: dict[str, tuple[Example | str, ...]] = {}
    labels: tuple[str, ...] = ()
    for path in runs:
        run = finished_run.read(path)
        places = [_place(run, index) for index in indices]
        labels = tuple(run.classes[int(run.labels[place])] for place in places)
        name = run.name if run.name not in rows else path.name
        rows[name] = tuple(_shown(run, place) for place in places)
    return SideBySide(tuple(indices), labels, rows)


def most_hidden(runs: Sequence[Path], count: int) -> list[int]:
    """The indices, ascending, of the `count` test images that are hidden in the most runs; of equals the first.

    Raises:
        InputError: when one is no finished run, or none of them hid a mistake.
    """
    hidden: Counter[int] = Counter()
    for path in runs:
        flags = finished_run.read_flags(path)
        hidden.update(flags.loc[~flags["correct"] & flags["hyp"], "example"].tolist())
    measured = [set(finished_run.read_flags(path)["example"]) for path in runs]
    common = set.intersection(*measured)
    first = sorted((index for index in hidden if index in common), key=lambda index: (-hidden[index], index))
    if not first:
        raise InputError("examples: none of these runs has a mistake that was hidden and that all were tested on")
    return sorted(first[:count])


def _place(run: finished_run.FinishedRun, index: int) -> int:
    """The row of the test image in the run's flags."""
    if not 0 <= index < run.test_size:
        raise InputError(f"--examples: takes test images from 0 to {run.test_size - 1}, got {index}")
    places = (run.flags["example"] == index).to_numpy().nonzero()[0]
    if not len(places):
        some = f"{len(run.flags)} of {run.test_size} test images (evaluation.test_limit)"
        raise InputError(f"--examples: {run.name} was tested on {some}, and {index} is not among them")
    return int(places[0])


def _shown(run: finished_run.FinishedRun, place: int) -> Example | str:
    import torch

    from hypo.attacks.goals.hypocritical import Hypocritical

    flags = run.flags.iloc[place]
    if flags["correct"]:
        return CORRECT
    if not flags["hyp"]:
        return NOT_HIDDEN
    found = run.demonstrate(torch.tensor([place]), Hypocritical, 1)
    return found[0] if found else NOT_AGAIN


def figure(found: SideBySide) -> Figure:
    """Draw a row for every run, with three pictures of every image, or the reason why there are none.

    Under a picture stands the class that it is predicted as, red where that is wrong. Perturbations are stretched
    by one factor, which is written above: mid-grey is no change.

    Raises:
        InputError: when no run hides any of the images.
    """
    import matplotlib
    from matplotlib.figure import Figure

    from hypo.measurements.pictures import stretch

    examples = [each for row in found.rows.values() for each in row if not isinstance(each, str)]
    if not examples:
        said = "; ".join(f"{name}: {', '.join(map(str, row))}" for name, row in found.rows.items())
        raise InputError(f"examples: no run hides any of these images ({said.replace(chr(10), ' ')})")
    factor = stretch(examples)
    images = len(found.indices)
    with matplotlib.rc_context(STYLE):
        size = (_NAME + images * 3.3 * _PANEL, 0.6 + len(found.rows) * (_PANEL + 0.25))
        result = Figure(figsize=size, layout="constrained")
        result.suptitle(f"mistakes that a false friend hides; perturbations × {factor:.3g}")
        grid = result.add_gridspec(len(found.rows), 4 * images - 1, width_ratios=([1, 1, 1, 0.2] * images)[:-1])
        for row, (name, shown) in enumerate(found.rows.items()):
            for column, example in enumerate(shown):
                places = [result.add_subplot(grid[row, 4 * column + part]) for part in range(3)]
                for axes in places:
                    axes.set(xticks=[], yticks=[], frame_on=False)
                _draw(places, example, factor)
                if row == 0:
                    middle = plain(f"#{found.indices[column]}: {found.labels[column]}")
                    for axes, text in zip(
                        places, ("\nclean", f"{middle}\nperturbation", "\nperturbed"), strict=True
                    ):
                        axes.set_title(text, fontsize=7, pad=3)
                if column == 0:
                    label = plain("\n".join(textwrap.wrap(name, _NAME_CHARACTERS)))
                    places[0].set_ylabel(label, rotation=0, ha="right", va="center", fontsize=7)
    return result


def _draw(places: Sequence[Axes], example: Example | str, factor: float) -> None:
    clean, change, perturbed = places
    if isinstance(example, str):
        for axes in places:
            axes.set(xlim=(0, 1), ylim=(0, 1), aspect="equal")  # as large as a picture would be
        change.text(0.5, 0.5, example, ha="center", va="center", color="#666666", transform=change.transAxes)
        return
    show_image(clean, example.clean)
    show_image(change, 0.5 + factor * (example.perturbed - example.clean))
    show_image(perturbed, example.perturbed)
    for axes, prediction in ((clean, example.clean_prediction), (perturbed, example.perturbed_prediction)):
        color = caption_color(prediction, example.label)
        axes.set_xlabel(plain(prediction), color=color, fontsize=7, labelpad=2)
