"""A comparison with the paper, as text and as records."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable

from analysis import escaping
from analysis.paper.beside_paper import ComparedRow, Comparison, Pair
from analysis.paper.published_spreads import spreads
from analysis.reading.findings import MARK, marked
from analysis.tables import grids
from analysis.tables.cells import SYMBOLS
from analysis.tables.records import Record, formats, number

_KEYS = {"dataset": "data set", "arch": "arch", "norm": "norm", "eps": "ε", "data": "training data"}
_ALWAYS = {"defense": "defense", "lambda": "λ"}


_REHEARSAL = (
    "A rehearsal on other data: digits and small networks stand for the table's, and their numbers are not "
    "comparable with the published ones."
)
_UNCOMPARED = "Each cell: ours; published. Percent, mean ± std over seeds."
_LOST = "—: a number that the text which the published ones were copied from does not have."
_COMPARED = (
    "Each cell: ours; published; difference. Percent and points, mean ± std over seeds. * marks a difference that "
    "the seeds do not explain (Welch's test, 5 %), ? one that cannot be judged because a standard deviation is "
    "missing."
)


def notes(comparison: Comparison) -> list[str]:
    """How to read the cells, what they are of, and what is not in them."""
    published = [pair.published for row in comparison.rows for pair in row.pairs.values()]
    compared = any(published) and not comparison.rehearsal
    lines = [_REHEARSAL] if comparison.rehearsal else []
    lines += [_COMPARED if compared else _UNCOMPARED] + ([] if all(published) else [_LOST])
    lines += [*spreads(comparison.published_name), *_recipe_notes(comparison)]
    lines += dict.fromkeys(f"{MARK} {text}" for row in comparison.rows for text in row.warnings)
    if not any(row.done for row in comparison.rows):
        lines.append(f"No run here is one of {comparison.name}; +sweeps={comparison.name} runs them.")
    for difference, count in comparison.other_attacks.items():
        runs = "1 run was" if count == 1 else f"{count} runs were"
        lines.append(f"{runs} evaluated with an attack that {comparison.name} does not have: {difference}.")
    if comparison.unmatched:
        runs = "1 run is" if comparison.unmatched == 1 else f"{comparison.unmatched} runs are"
        lines.append(f"{runs} in no row of {comparison.name}.")
    return lines


def _recipe_notes(comparison: Comparison) -> list[str]:
    """Which recipe the runs are held against where it is not the paper's, and in what they differ."""
    done = [row for row in comparison.rows if row.done]

    def counted(rows: int) -> str:
        return "" if rows == len(done) else f" in {rows} of {len(done)} rows"

    lines = []
    if of_code := sum(row.deviations.of_code for row in done):
        nearer = "that of the authors' code, to which the runs are nearer than to the paper's"
        lines.append(f"The published recipe{counted(of_code)} is {nearer}.")
    differing = Counter(text for row in done for text in row.deviations.texts)
    if differing:
        told = "; ".join(f"{text}{counted(rows)}" for text, rows in differing.items())
        lines.append(f"Not the published recipe: {told}.")
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
    """One a cell: where it stands in the paper, ours with std and n, theirs with std, difference and mark.

    `recipe` is the published one that the runs are held against, "paper" or "authors_code"; in `deviations` they
    differ from it.
    """
    return [
        {
            **{key: row.setting[key] for key in (*_KEYS, *_ALWAYS)},
            "attack": attack,
            "metric": metric,
            "unit": "percent",
            "mean": number(pair.ours.mean) if pair.ours else None,
            "std": number(pair.ours.std) if pair.ours else None,
            "n": pair.ours.n if pair.ours else 0,
            "published_mean": pair.published.mean if pair.published else None,
            "published_std": pair.published.std if pair.published else None,
            "difference": None if comparison.rehearsal else number(pair.difference),
            "mark": "" if comparison.rehearsal else pair.mark,
            "recipe": "" if comparison.rehearsal or not row.done else _recipe(row),
            "deviations": "; ".join(row.deviations.texts),
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
    name = f"{comparison.name}, a rehearsal" if comparison.rehearsal else comparison.name
    return f"{name}: {shared}" if shared else name


def _titles(comparison: Comparison) -> list[str]:
    return [*(_KEYS[key] for key in _varying(comparison)), *_ALWAYS.values(), "n"]


def _labels(comparison: Comparison, row: ComparedRow) -> list[str]:
    counts = sorted({pair.ours.n for pair in row.pairs.values() if pair.ours})
    n = "–".join(map(str, dict.fromkeys((counts[0], counts[-1])))) if counts else "0"
    n = marked(n, row.warnings)
    return [*(row.setting[key] for key in _varying(comparison)), row.setting["defense"], row.setting["lambda"], n]


def _column(key: tuple[str, str]) -> str:
    attack, metric = key
    return f"{SYMBOLS.get(metric, metric)}, {attack}"


def _cells(comparison: Comparison, row: ComparedRow) -> list[str]:
    return [_shown(row.pairs[key], comparison) if key in row.pairs else "—" for key in comparison.columns]


def _shown(pair: Pair, comparison: Comparison) -> str:
    ours = _number(pair.ours.mean, pair.ours.std) if pair.ours else "not run"
    published = pair.published
    if published is None:
        return f"{ours}; —"
    theirs = _number(published.mean, math.nan if published.std is None else published.std, published.decimals)
    if comparison.rehearsal:
        return f"{ours}; {theirs}"
    difference = f"{pair.difference:+.2f}{pair.mark}" if pair.ours else "—"
    return f"{ours}; {theirs}; {difference}"


def _number(mean: float, std: float, decimals: int = 2) -> str:
    return f"{mean:.{decimals}f}" if math.isnan(std) else f"{mean:.{decimals}f} ± {std:.{decimals}f}"


def _recipe(row: ComparedRow) -> str:
    return "authors_code" if row.deviations.of_code else "paper"
