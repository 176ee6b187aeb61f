"""Pictures of mistakes that a false friend hid, and of predictions that an adversary broke.

As in Table 4 of Tao et al. 2022: clean image, perturbation and perturbed image, with the predicted and the true
class.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analysis.curves.drawing import STYLE, plain, show_image
from analysis.reading import finished_run
from hypo.settings.errors import InputError

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from hypo.measurements.pictures import Example

_WRONG, _RIGHT = "#C00000", "#000000"
_PANEL = 0.95  # inches


@dataclass(frozen=True)
class Examples:
    """What one run shows; both in the order of its test set."""

    name: str
    hidden: tuple[Example, ...]
    broken: tuple[Example, ...]


def examples(run: str | Path, count: int) -> Examples:
    """The first `count` mistakes that a false friend hid, and as many predictions that an adversary broke.

    The run's own attack is repeated on them, from a seed of its own, and its best point is shown, or the first
    that succeeds, if that is the `point` of the run's `pictures`; examples on which it does not succeed this time
    are passed over.

    Raises:
        InputError: when it is no run, has no model and examples yet, or its data are no longer there.
    """
    import torch

    from hypo.attacks.goals.adversarial import Adversarial
    from hypo.attacks.goals.hypocritical import Hypocritical

    found = finished_run.read(Path(run))
    table = found.flags

    def shown(flagged: pandas.Series, goal_of: Any) -> tuple[Example, ...]:
        return found.demonstrate(torch.from_numpy(flagged.to_numpy().nonzero()[0]), goal_of, count)

    return Examples(
        name=found.name,
        hidden=shown(~table["correct"] & table["hyp"], Hypocritical),
        broken=shown(table["correct"] & table["adv"], Adversarial),
    )


def figure(found: Examples) -> Figure:
    """Three rows of pictures for what was hidden and three for what was broken; red names are wrong.

    Perturbations are rescaled, each group by one factor that its caption says: mid-grey is no change.
    """
    import matplotlib
    from matplotlib.figure import Figure

    from hypo.measurements.pictures import stretch

    groups = [
        ("mistakes that a false friend hides", found.hidden),
        ("correct predictions that an adversary breaks", found.broken),
    ]
    shown = [(title, group) for title, group in groups if group]
    if not shown:
        raise InputError(f"{found.name}: no mistake of it was hidden, and no correct prediction broken")
    columns = max(len(group) for _, group in shown)
    with matplotlib.rc_context(STYLE):
        width = max(3.4, columns * _PANEL)
        result = Figure(figsize=(width, 0.3 + len(shown) * 4.2 * _PANEL), layout="constrained")
        result.suptitle(plain(textwrap.fill(found.name, int(13 * width))))
        parts = result.subfigures(len(shown), 1, squeeze=False).flatten()
        for part, (title, group) in zip(parts, shown, strict=True):
            factor = stretch(group)
            part.suptitle(f"{title}; perturbations × {factor:.3g}")
            panels = part.subplots(3, columns, squeeze=False)
            for axes in panels.flatten():
                axes.set(xticks=[], yticks=[], frame_on=False)
            for axes, row in zip(panels[:, 0], ("clean", "perturbation", "perturbed"), strict=True):
                axes.set_ylabel(row)
            for column, example in zip(panels.T, group, strict=False):
                _draw(column, example, factor)
    return result


def _draw(column: Sequence[Axes], example: Example, factor: float) -> None:
    clean, change, perturbed = column
    show_image(clean, example.clean)
    _caption(clean, example.clean_prediction, example.label, f"{example.clean_prediction}\n(is {example.label})")
    show_image(change, 0.5 + factor * (example.perturbed - example.clean))
    show_image(perturbed, example.perturbed)
    _caption(perturbed, example.perturbed_prediction, example.label, example.perturbed_prediction)


def _caption(axes: Axes, prediction: str, label: str, text: str) -> None:
    axes.set_title(plain(text), color=caption_color(prediction, label), fontsize=7, pad=2)


def caption_color(prediction: str, label: str) -> str:
    """Red for a wrong prediction, black for a right one."""
    return _RIGHT if prediction == label else _WRONG
