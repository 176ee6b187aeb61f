"""Figure 12 of the lecture: errors of adversarial training, on a model's own examples and on those of others."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from analysis.curves.figures import bars
from analysis.curves.figures.over_seeds import Run, estimate, experiments

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure

MODELS = {"fgsm_at": "adversarial training (FGSM)", "ensemble_at": "ensemble adversarial training"}
"""By defense, in the lecture's order."""

FINDING = "transfer"
BARS = {
    "clean images": "R_nat",
    "FGSM on the model itself (white box)": "R_adv",
    "FGSM on other models (black box)": "R_adv_transfer",
}
_NOTE = "the lecture's bars have no numbers"


def figure(runs: pandas.DataFrame) -> Figure:
    """Draw `runs` (rows of `collect`), a panel an experiment.

    Raises:
        InputError: where runs that differ would be averaged.
    """
    panels = [_panel(heading, alike) for heading, alike in experiments(runs, "dataset", "arch")]
    return bars.draw([[panel] for panel in panels], BARS, "error (%)", [_NOTE])


def _panel(heading: str, runs: list[Run]) -> bars.Panel:
    models = {}
    for defense, name in MODELS.items():
        of_model = [run for run in runs if run["defense"] == defense]
        found = {
            metric: estimate(f"{heading}, {name}", of_model, partial(_of, metric=metric))
            for metric in BARS.values()
        }
        models[name] = {metric: each for metric, each in found.items() if each.n}
    return bars.Panel(heading, models)


def _of(run: Run, metric: str) -> float | None:
    value: float | None = run.get(metric)
    return value
