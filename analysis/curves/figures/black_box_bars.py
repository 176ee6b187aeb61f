"""Figure 12 of the lecture: errors of adversarial training, on a model's own examples and on those of others."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from analysis.curves.figures import bars
from analysis.curves.figures.over_seeds import Run, estimate, experiments, set_apart

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure

MODELS = {"fgsm_at": "adversarial training (FGSM)", "ensemble_at": "ensemble adversarial training"}
"""By defense, in the lecture's order."""

FINDING = "transfer"
BARS = {
    "clean images": "D",
    "FGSM on the model itself (white box)": "A",
    "FGSM on other models (black box)": "A_transfer",
}
"""The accuracies whose errors they are."""

_NOTE = "the lecture's bars have no numbers"


def figure(runs: pandas.DataFrame) -> Figure:
    """Draw `runs` (rows of `collect`), a panel an experiment.

    Raises:
        InputError: where runs that differ would be averaged.
    """
    panels = [_panel(heading, alike) for heading, alike in experiments(runs, "dataset", "arch")]
    notes = [*_searches(runs), *set_apart(runs, FINDING), _NOTE]
    return bars.draw([[panel] for panel in panels], BARS, "error (%)", notes)


def _searches(runs: pandas.DataFrame) -> list[str]:
    """A note on the black box's search where it is not a single full step from the clean image."""
    found = [
        findings[FINDING]["settings"].get("attack", {}) for findings in runs["findings"] if FINDING in findings
    ]
    others = dict.fromkeys(
        f"{attack['steps']} steps of {attack['relative_step']:g} ε"
        for attack in found
        if attack and (attack["steps"], attack["relative_step"]) != (1, 1)
    )
    return [f"black box: no FGSM, but {' or '.join(others)}"] if others else []


def _panel(heading: str, runs: list[Run]) -> bars.Panel:
    models = {}
    for defense, name in MODELS.items():
        of_model = [run for run in runs if run["defense"] == defense]
        found = {
            metric: estimate(f"{heading}, {name}", of_model, partial(_error, metric=metric))
            for metric in BARS.values()
        }
        models[name] = {metric: each for metric, each in found.items() if each.n}
    return bars.Panel(heading, models)


def _error(run: Run, metric: str) -> float | None:
    return 1 - run[metric] if metric in run else None
