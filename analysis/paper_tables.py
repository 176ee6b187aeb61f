"""A comparison with the paper, as text and as records."""

from __future__ import annotations

import math
from collections.abc import Callable

from analysis import escaping, grids
from analysis.beside_paper import ComparedRow, Comparison, Pair
from analysis.cells import SYMBOLS
from analysis.published import SEEDS
from analysis.records import Record, formats, number

_KEYS = {"dataset": "data set", "arch": "arch", "norm": "norm", "eps": "ε", "data": "training data"}
_ALWAYS = {"defense": "defense", "lambda": "λ"}


def notes(comparison: Comparison) -> list[str]:
    """How to read the cells, and what is not in them."""
    lines = [
        "Each cell: ours; published; difference. Percent and points, mean ± std over seeds; published ones over "
        f"{SEEDS}. * marks a difference that the seeds do not explain (Welch's test, 5 %), ? one that cannot be "
        "judged because a standard deviation is missing."
    ]
    short = sorted({text for row in comparison.rows for text in row.shortened})
    if short:
        lines.append(f"Not the published recipe: {', '.join(short)}.")
    if not any(pair.ours for row in comparison.rows for pair in row.pairs.values()):
        lines.append(f"No run here is one of {comparison.name}; +sweeps={comparison.name} runs them.")
    if comparison.unmatched:
        runs = "1 run is" if comparison.unmatched == 1 else f"{comparison.unmatched} runs are"
        lines.append(f"{runs} in no row of {comparison.name}.")
    return lines


def titles(comparison: Comparison) -> list[str]:
    """The names of the columns, as Markdown and LaTeX have them."""
    return [*_titles(comparison), *(_column(key) for key in comparison.columns)]


def rows(comparison: Comparison) -> list[list[str]]:
    """The texts under `titles`."""
    return [[*_labels(comparison, row), *_cells(comparison, row)] for row in comparison.rows]


def markdown(comparison: Comparison) -> str:
    """A heading with what all rows share, the table, and how to read it."""
    lines = [f"### {escaping.markdown(_heading(comparison))}", ""]
    lines += grids.markdown(_grid(comparison))
    return "\n".join([*lines, "", *(f"- {escaping.markdown(note)}" for note in notes(comparison)), ""])


def records(comparison: Comparison) -> list[Record]:
    """One a cell: where it stands in the paper, ours with std and n, theirs with std, difference and mark."""
    return [
        {
            **{key: row.setting[key] for key in (*_KEYS, *_ALWAYS)},
            "variant": row.variant,
            "attack": attack,
            "metric": metric,
            "unit": "percent",
            "mean": number(pair.ours.mean) if pair.ours else None,
            "std": number(pair.ours.std) if pair.ours else None,
            "n": pair.ours.n if pair.ours else 0,
            "published_mean": pair.published.mean,
            "published_std": pair.published.std,
            "difference": number(pair.difference),
            "mark": pair.mark,
            "shortened": "; ".join(row.shortened),
        }
        for row in comparison.rows
        for (attack, metric), pair in row.pairs.items()
    ]


def latex(comparison: Comparison) -> str:
    r"""One `tabular` that needs only `\usepackage{booktabs}`."""
    return grids.latex(_grid(comparison), [_heading(comparison), *notes(comparison)])


FORMATS: dict[str, Callable[[Comparison], str | bytes]] = {
    "md": markdown,
    "latex": latex,
    **formats(records),
}


def _grid(comparison: Comparison) -> grids.Grid:
    columns = titles(comparison)
    return grids.Grid(columns, rows(comparison), words=len(columns))


def _varying(comparison: Comparison) -> list[str]:
    return [key for key in _KEYS if len({row.setting[key] for row in comparison.rows}) > 1]


def _heading(comparison: Comparison) -> str:
    setting = comparison.rows[0].setting
    shared = ", ".join(f"{_KEYS[key]} {setting[key]}" for key in _KEYS if key not in _varying(comparison))
    return f"{comparison.name}: {shared}" if shared else comparison.name


def _titles(comparison: Comparison) -> list[str]:
    return [*(_KEYS[key] for key in _varying(comparison)), *_ALWAYS.values(), "n"]


def _labels(comparison: Comparison, row: ComparedRow) -> list[str]:
    defense = row.setting["defense"] + (f" ({row.variant})" if row.variant else "")
    counts = sorted({pair.ours.n for pair in row.pairs.values() if pair.ours})
    n = "–".join(map(str, dict.fromkeys((counts[0], counts[-1])))) if counts else "0"
    return [*(row.setting[key] for key in _varying(comparison)), defense, row.setting["lambda"], n]


def _column(key: tuple[str, str]) -> str:
    attack, metric = key
    return f"{SYMBOLS.get(metric, metric)}, {attack}"


def _cells(comparison: Comparison, row: ComparedRow) -> list[str]:
    return [_shown(row.pairs[key]) if key in row.pairs else "—" for key in comparison.columns]


def _shown(pair: Pair) -> str:
    ours = _number(pair.ours.mean, pair.ours.std) if pair.ours else "not run"
    theirs = _number(pair.published.mean, math.nan if pair.published.std is None else pair.published.std)
    difference = f"{pair.difference:+.2f}{pair.mark}" if pair.ours else "—"
    return f"{ours}; {theirs}; {difference}"


def _number(mean: float, std: float) -> str:
    return f"{mean:.2f}" if math.isnan(std) else f"{mean:.2f} ± {std:.2f}"
