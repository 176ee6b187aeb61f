"""Ilyas et al. (2019), Figure 2 (b): clean and robust accuracy of what is trained on robust and other features."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from analysis.curves.figures import bars
from analysis.curves.figures.over_seeds import Run, estimate, experiments, norm_of, points, set_apart
from analysis.tables.cells import NORMS, Estimate

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure

MODELS = {
    ("quality", "standard"): "standard training on D",
    ("non_robust", "standard"): "standard training on D_NR",
    ("quality", "pgd_at"): "adversarial training on D",
    ("robust", "standard"): "standard training on D_R",
}
"""By training data and defense, in the paper's order."""

FINDING = "epsilon_curve"
_CLEAN = "standard accuracy"
_NOTE = "the paper's bars have no numbers"


def figure(runs: pandas.DataFrame) -> Figure:
    """Draw `runs` (rows of `collect`), a panel an experiment, with a bar at every ε that was measured.

    Raises:
        InputError: where runs that differ would be averaged.
    """
    panels = [_panel(heading, alike) for heading, alike in experiments(runs, "dataset", "arch")]
    notes = [_NOTE, *set_apart(runs, FINDING)]
    names = dict.fromkeys(name for panel in panels for each in panel.models.values() for name in each)
    return bars.draw([[panel] for panel in panels], {name: name for name in names}, "accuracy (%)", notes)


def _panel(heading: str, runs: list[Run]) -> bars.Panel:
    models: dict[str, dict[str, Estimate]] = {}
    for key, name in MODELS.items():
        of_model = [run for run in runs if (run["training_data"], run["defense"]) == key]
        models[name] = _bars(f"{heading}, {name}", of_model) if of_model else {}
    return bars.Panel(heading, models)


def _bars(where: str, runs: list[Run]) -> dict[str, Estimate]:
    found = {_CLEAN: estimate(where, runs, lambda run: run["D"])}
    measured = [run for run in runs if points(run, FINDING, "A")]
    for epsilon in sorted({at for run in measured for at in points(run, FINDING, "A") if at > 0}):
        name = f"accuracy under attack, {NORMS[norm_of(measured[0], FINDING)]} ε = {epsilon:g}"
        found[name] = estimate(where, measured, partial(_accuracy, epsilon=epsilon))
    return found


def _accuracy(run: Run, epsilon: float) -> float | None:
    return points(run, FINDING, "A").get(epsilon)
