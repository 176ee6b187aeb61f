"""Figure 2, right: accuracy on clean, adversarially and hypocritically perturbed images, by training data."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from analysis.curves.drawing import COLORS, STYLE, legend_below, plain
from analysis.curves.figures import titles
from analysis.paper.published import table
from analysis.tables.cells import NORMS, Estimate, blocks, one_spelling
from analysis.tables.lines import METRICS

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TRAINING_DATA = ("naive", "noise", "mislabeling", "poisoning", "quality")
"""The models in the paper's order."""

_BARS = {"D": "", "A": "////", "F": "...."}
_TABLES = ("tao2022/figure2", "tao2022/table14", "tao2022/table3")
_PANEL = (3.4, 2.3)  # inches
_CHARACTERS = 48  # that fit across a panel at this size
_WIDTH = 0.28


@dataclass(frozen=True)
class Panel:
    """One experiment: by training data (and what sets it apart from others of its kind) D, A and F in percent."""

    heading: str
    models: Mapping[str, Mapping[str, Estimate]]


def figure(runs: pandas.DataFrame) -> Figure:
    """Draw `runs` (rows of `collect`), a panel an experiment, and last a panel of what was published.

    Numbers stand at the bars, so that 0 and a bar that is missing look different; error bars are one sample
    standard deviation over seeds, where there are two or more.
    """
    import matplotlib
    from matplotlib.figure import Figure

    ours, theirs = panels(runs), published_panel()
    columns = min(2, len(ours))
    rows = [ours[at : at + columns] for at in range(0, len(ours), columns)] + [[theirs]]
    with matplotlib.rc_context(STYLE):
        result = Figure(figsize=(columns * _PANEL[0], 0.5 + len(rows) * _PANEL[1]), layout="constrained")
        places = result.subplots(len(rows), columns, squeeze=False)
        for of_row, row in zip(places, rows, strict=True):
            for axes, panel in zip(of_row, row, strict=False):
                handles = _draw(axes, panel, "not printed" if panel is theirs else "no result")
            for axes in of_row[len(row) :]:
                axes.set_axis_off()
        notes = ["bars: ± std over seeds", f"published: Section 3.2, Tables 3 and 14, without std{_gaps(theirs)}"]
        legend_below(result, handles, columns * _CHARACTERS, notes)
    return result


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
                if metric in _BARS and attack in ("clean", "pgd-20"):
                    models[setting["data"]][metric] = Estimate(shown.mean, math.nan, 1)
    return Panel(titles.published("cifar10"), models)


def _gaps(panel: Panel) -> str:
    lacking = {name: [metric for metric in _BARS if metric not in bars] for name, bars in panel.models.items()}
    said = [f"no {', '.join(metrics)} of {name}" for name, metrics in lacking.items() if metrics]
    return f": {'; '.join(said)}" if said else ""


def _draw(axes: Axes, panel: Panel, absent: str) -> dict[str, Any]:
    """Draw one panel, with `absent` where a model has no bar; returns what the legend shows."""
    small: dict[str, Any] = {"textcoords": "offset points", "ha": "center", "fontsize": 5}
    handles: dict[str, Any] = {}
    for place, (metric, hatch) in enumerate(_BARS.items()):
        shown = [(at, bars[metric]) for at, bars in enumerate(panel.models.values()) if metric in bars]
        x = [at + (place - 1) * _WIDTH for at, _ in shown]
        style: dict[str, Any] = {"color": COLORS[place], "edgecolor": "white", "linewidth": 0, "hatch": hatch}
        error: dict[str, Any] = {
            "yerr": [each.std for _, each in shown],
            "error_kw": {"ecolor": "#222222", "elinewidth": 0.6},
        }
        means = [each.mean for _, each in shown]
        handles[f"{metric}, {METRICS[metric]}"] = axes.bar(x, means, _WIDTH, **style, **error)
        for at, (_, each) in zip(x, shown, strict=True):
            top = each.mean + (0 if math.isnan(each.std) else each.std)
            axes.annotate(f"{each.mean:.1f}".removesuffix(".0"), (at, top), (0, 1), **small)
    for at, bars in enumerate(panel.models.values()):
        if not bars:
            axes.annotate(absent, (at, 0), (0, 3), **small, color="#666666")
    names = ["\n".join(map(plain, textwrap.wrap(name, 14))) for name in panel.models]
    axes.set_xticks(range(len(names)), names, fontsize=6.5)
    axes.set_title("\n".join(map(plain, textwrap.wrap(panel.heading, _CHARACTERS))))
    axes.set(ylim=(0, 110), yticks=range(0, 101, 20), ylabel="accuracy (%)", xlim=(-0.6, len(names) - 0.4))
    axes.spines[["top", "right"]].set_visible(False)
    return handles
