"""Any settings as rows, any as columns, and the mean over seeds where they meet."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from analysis import escaping
from analysis.reading.columns import METRICS
from analysis.reading.findings import MARK, Quantity, marked, quantities, warnings
from analysis.reading.selection import OPTIONS
from analysis.tables import grids
from analysis.tables.cells import SYMBOLS, Estimate, differing, estimate, one_spelling
from analysis.tables.lines import SETTINGS
from analysis.tables.records import Record, formats, number
from analysis.tables.tables import shown as shown_estimate
from hypo.settings.errors import InputError

if TYPE_CHECKING:
    import pandas

_NUMBERS = ("lambda", "epsilon")

Key = tuple[str, ...]


@dataclass(frozen=True)
class Pivot:
    """The table; `estimates` has an entry by row, column and metric where a run is done.

    Attributes:
        rows, columns: the settings on either side; row_keys, column_keys: their values, in printed order.
        besides: of the metrics those that are shares and numbers of findings.
        warnings: by row and column, what findings of the runs there warn of.
    """

    rows: Key
    columns: Key
    metrics: Key
    row_keys: tuple[Key, ...]
    column_keys: tuple[Key, ...]
    estimates: Mapping[tuple[Key, Key, str], Estimate]
    besides: Mapping[str, Quantity]
    warnings: Mapping[tuple[Key, Key], tuple[str, ...]]

    @property
    def lines(self) -> list[str]:
        """What stands under the table: what its shares and numbers are, and its warnings."""
        texts = dict.fromkeys(text for several in self.warnings.values() for text in several)
        return [*(found.line for found in self.besides.values()), *(f"{MARK} {text}" for text in texts)]


def pivot(frame: pandas.DataFrame, rows: Sequence[str], columns: Sequence[str], metrics: Sequence[str]) -> Pivot:
    """Average the runs of `frame` (from `collect`) over seeds.

    Args:
        rows, columns: options such as "defense", "lambda" or "dataset", or single settings such as "arch.width".
        metrics: those of `collect`, or shares and numbers of findings.

    Raises:
        InputError: for what is no setting or no metric, and when one cell would average runs that differ in more
            than their seed.
    """
    placed = frame[frame["settings"] != ""]
    known = [*OPTIONS, *(column for column in placed.columns if "." in column)]
    for option, given, choices in [("--rows", rows, known), ("--columns", columns, known)]:
        if unknown := [key for key in given if key not in choices]:
            single = "or a single setting such as recipe.epochs"
            raise InputError(f"{option}: takes {', '.join(OPTIONS)}, {single}, got {unknown[0]!r}")
    of_findings = quantities(frame["findings"])
    measured = (*METRICS, *of_findings)
    unknown = [metric for metric in metrics if metric not in measured]
    if unknown or not metrics:
        raise InputError(f"--metrics: takes {', '.join(measured)}, got {unknown[0] if unknown else ''!r}")
    for key in _NUMBERS:
        placed = one_spelling(placed, key)
    keys = list(dict.fromkeys([*rows, *columns]))
    shown = placed[keys].astype(object).where(placed[keys].notna(), "").astype(str)

    estimates: dict[tuple[Key, Key, str], Estimate] = {}
    places: list[tuple[Key, Key]] = []
    warned: dict[tuple[Key, Key], tuple[str, ...]] = {}
    for _, alike in placed.groupby([shown[key] for key in keys], sort=False):
        values = shown.loc[alike.index[0]]
        row, column = (tuple(values[key] for key in side) for side in (rows, columns))
        _refuse_mixtures(alike, known, (*row, *column))
        _refuse_other_measurements(alike, {of_findings[name].finding for name in metrics if name in of_findings})
        places.append((row, column))
        done = alike[alike["state"] == "done"]
        warned[row, column] = warnings(done["findings"])
        for metric in metrics:
            if done[metric].count():
                estimates[row, column, metric] = estimate(done[metric], of_findings.get(metric))
    ranks = {key: _ranks(placed, shown, key) for key in keys}

    def in_order(side: Sequence[str], found: Iterable[Key]) -> tuple[Key, ...]:
        def rank(values: Key) -> list[int]:
            return [ranks[key][value] for key, value in zip(side, values, strict=True)]

        return tuple(sorted(set(found), key=rank))

    return Pivot(
        tuple(rows),
        tuple(columns),
        tuple(metrics),
        in_order(rows, (row for row, _ in places)),
        in_order(columns, (column for _, column in places)),
        estimates,
        {name: found for name, found in of_findings.items() if name in metrics},
        warned,
    )


def _ranks(placed: pandas.DataFrame, shown: pandas.DataFrame, key: str) -> dict[str, int]:
    """The order of a setting's values: numbers by value, after what has none, words as they come."""
    values = shown[key]
    if key in _NUMBERS:
        values = values.loc[placed[f"{key}_value"].sort_values(na_position="first", kind="stable").index]
    return {value: rank for rank, value in enumerate(values.unique())}


def _refuse_mixtures(runs: pandas.DataFrame, known: Sequence[str], where: Key) -> None:
    mixed = [key for key in known if key in runs and runs[key].astype(str).nunique() > 1]
    cell = ", ".join(filter(None, where)) or "the table"
    if mixed:
        what = [key for key in mixed if not key.endswith("._target_")]
        raise InputError(
            f"{cell} would average runs that differ in {', '.join(what)}: add that to --rows or --columns, "
            "or give fewer folders"
        )
    twice = runs[runs["seed"].duplicated(keep=False)]
    if len(twice):
        # The run ids differ by what config.yaml does not show, such as the images in a folder.
        raise InputError(f"{cell} would average more than one run of a seed: {', '.join(twice['run_id'])}")


def _refuse_other_measurements(runs: pandas.DataFrame, findings: Collection[str]) -> None:
    if mixed := [key for key in differing(runs["findings"]) if key in findings]:
        raise InputError(f"--metrics: would average what {mixed[0]} measured with different settings")


def markdown(table: Pivot) -> str:
    """A column for every row setting, then one for every column key and metric; text from configs is escaped."""
    about = [f"- {escaping.markdown(line)}" for line in table.lines]
    return "\n".join([*grids.markdown(_grid(table)), "", *about, *([""] * bool(about)), _UNITS, ""])


def latex(table: Pivot) -> str:
    r"""One `tabular` that needs only `\usepackage{booktabs}`."""
    return grids.latex(_grid(table), [*table.lines, _UNITS])


def records(table: Pivot) -> list[Record]:
    """One a cell and metric, with its unit; a setting that is on both sides is one column."""
    return [
        {
            **dict(zip(table.rows, row, strict=True)),
            **dict(zip(table.columns, column, strict=True)),
            "metric": metric,
            "unit": found.unit,
            "mean": number(found.mean, found.unit),
            "std": number(found.std, found.unit),
            "n": found.n,
            "warning": "; ".join(table.warnings[row, column]),
        }
        for row in table.row_keys
        for column in table.column_keys
        for metric in table.metrics
        if (found := table.estimates.get((row, column, metric)))
    ]


FORMATS: dict[str, Callable[[Pivot], str | bytes]] = {"md": markdown, "latex": latex, **formats(records)}

_UNITS = "Percent; mean ± std (n seeds), std and n left out at n = 1."


def _grid(table: Pivot) -> grids.Grid:
    tops = [(column, metric) for column in table.column_keys for metric in table.metrics]
    titles = [SETTINGS.get(key, key) for key in table.rows]
    symbols = {**SYMBOLS, **{name: found.symbol for name, found in table.besides.items()}}
    for column, metric in tops:
        settings = [_named(key, value) for key, value in zip(table.columns, column, strict=True)]
        titles.append(", ".join([*settings, symbols.get(metric, metric)]))
    rows = [
        [
            *row,
            *(marked(_shown(table.estimates.get((row, *top))), table.warnings.get((row, top[0]))) for top in tops),
        ]
        for row in table.row_keys
    ]
    return grids.Grid(titles, rows, words=len(table.rows))


def _named(key: str, value: str) -> str:
    """A value that says what it is: words do so by themselves, numbers do not."""
    return value if key in OPTIONS and key not in _NUMBERS else f"{SETTINGS.get(key, key)} = {value or '—'}"


def _shown(found: Estimate | None) -> str:
    if found is None:
        return "—"
    return shown_estimate(found) if found.n == 1 else f"{shown_estimate(found)} ({found.n})"
