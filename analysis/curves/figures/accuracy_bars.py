"""Figure 2, right: accuracy on clean, adversarially and hypocritically perturbed images, by training data."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from analysis.curves.figures import bars, titles
from analysis.curves.figures.bars import Panel
from analysis.paper.published import table
from analysis.tables.cells import NORMS, Estimate, blocks, one_spelling
from analysis.tables.lines import METRICS

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure

TRAINING_DATA = ("naive", "noise", "mislabeling", "poisoning", "quality")
"""The models in the paper's order."""

_BARS = ("D", "A", "F")
_TABLES = ("tao2022/figure2", "tao2022/table14", "tao2022/table3")


def figure(runs: pandas.DataFrame) -> Figure:
    """Draw `runs` (rows of `collect`), a panel an experiment, and last a panel of what was published."""
    ours, theirs = panels(runs), published_panel()
    columns = min(2, len(ours))
    rows = [*(ours[at : at + columns] for at in range(0, len(ours), columns)), [theirs]]
    note = f"published: Section 3.2, Tables 3 and 14, without std{_gaps(theirs)}"
    return bars.draw(rows, {f"{name}, {METRICS[name]}": name for name in _BARS}, "accuracy (%)", [note])


def panels(runs: pandas.DataFrame) -> list[Panel]:
    """A panel for what differs in its training data alone, and in that of the recipe which goes with the data."""
    import pandas

    found = []
    placed = one_spelling(runs[runs["settings"] != ""], "epsilon")
    for (dataset, arch, norm, epsilon), alike in placed.groupby(
        ["dataset", "arch", "norm", "epsilon"], sort=False
    ):
        heading = f"{dataset}, {arch}, {NORMS.get(str(norm), norm)} ε = {epsilon}"
        for measured, same in _split(alike, alike, ("dataset.", "arch.", "threat_model.", "evaluation.")):
            naive = same["defense"] == "none"  # no recipe is any of its, so that it goes with them all
            trained = same[~naive]
            for trained_by, part in _split(trained, trained.groupby("training_data"), ("recipe.",)):
                models = dict(_models(pandas.concat([same[naive], part])))
                found.append(Panel(", ".join([heading, *measured, *trained_by]), models))
    return found


def _split(
    runs: pandas.DataFrame, within: Any, groups: tuple[str, ...]
) -> Iterator[tuple[list[str], pandas.DataFrame]]:
    """`runs` by the settings of `groups` that differ `within`; with each part what it has of these, in words."""
    settings = [column for column in runs.columns if column.startswith(groups)]
    counts = within[settings].nunique(dropna=False)
    differing = [column for column in settings if counts[column].max() > 1]
    if not differing:
        yield [], runs
        return
    for _, part in runs.groupby(differing, sort=False, dropna=False):
        first = part.iloc[0]
        yield [f"{column} = {first[column]}" for column in differing if not _is_nothing(first[column])], part


def _is_nothing(value: Any) -> bool:
    return value is None or value != value


def _models(runs: pandas.DataFrame) -> Iterator[tuple[str, dict[str, Estimate]]]:
    """In the paper's order; training data without a run has no estimates."""
    experiments = blocks(runs)
    for name in TRAINING_DATA:
        of_name = [block for block in experiments if block.settings["training_data"] == name]
        for block in of_name:
            label = f"{name}, {block.others}" if block.others else name
            for cell in block.cells:
                yield label, {metric: cell.estimates[metric] for metric in _BARS if cell.estimates[metric].n}
        if not of_name:
            yield name, {}


def published_panel() -> Panel:
    """What the paper prints of these five models; where two places do, the one with more decimals."""
    models: dict[str, dict[str, Estimate]] = {name: {} for name in TRAINING_DATA}
    for row in (row for name in _TABLES for row in table(name)):
        setting = row.setting
        if setting["dataset"] == "cifar10" and setting["defense"] in ("none", "standard"):
            for (attack, metric), shown in row.figures.items():
                if shown and metric in _BARS and attack in ("clean", "pgd-20"):
                    models[setting["data"]][metric] = Estimate(shown.mean, math.nan, 1)
    return Panel(titles.published("cifar10"), models, "not printed")


def _gaps(panel: Panel) -> str:
    lacking = {name: [each for each in _BARS if each not in found] for name, found in panel.models.items()}
    said = [f"no {', '.join(metrics)} of {name}" for name, metrics in lacking.items() if metrics]
    return f": {'; '.join(said)}" if said else ""
