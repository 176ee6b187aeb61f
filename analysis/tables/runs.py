"""One row a run, with every setting and every finding, for other tools to read on.

A curve of a finding is one column, `<finding>.curves.<curve>`, such as targeted.curves.moved: the list of its
points, each with `at`, `count`, `of`, `value`, `lower` and `upper`. In CSV it is JSON text, for `json.loads`. How
many flags each search decided are the columns `searches.<search>.<flag>`, and in how many passes
`searches.<search>.passes`.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Hashable, Mapping
from typing import TYPE_CHECKING, Any

from analysis import escaping
from analysis.reading.columns import FOUND, USAGE
from analysis.reading.findings import MARK, Curve, curves, marked, numbers, points, quantities, warnings
from analysis.reading.usage import spoken
from analysis.tables import grids
from analysis.tables.cells import SYMBOLS

if TYPE_CHECKING:
    import pandas

UNITS = (
    "metrics and shares are fractions in [0, 1]; <metric>_lower and <metric>_upper end their 95 % Wilson "
    "intervals; a number of a finding is one column, in its own unit; <finding>.curves.<curve> is a list of "
    "points, in CSV as JSON text: value, lower and upper as of a metric, at in the variable's own unit; "
    "searches.<search>.<flag> are numbers of examples, and searches.<search>.passes how many images it put "
    "through the model, one as often as it did; peak_memory and peak_gpu_memory are bytes, the most of all "
    "attempts, and gpu_utilisation is the share of their time in which the GPU had something to do"
)


def csv(frame: pandas.DataFrame) -> bytes:
    """The columns of `whole`; empty fields stand for what is not there."""
    found = whole(frame)
    for column in _curve_columns(frame):
        found[column] = found[column].map(_as_json, na_action="ignore")
    return found.to_csv(index=False, lineterminator="\n").encode()


def _as_json(found: object) -> str:
    return json.dumps(found, ensure_ascii=False)


def as_json(frame: pandas.DataFrame) -> bytes:
    """An object of `units` and `runs`, a list of records; null stands for what is not there."""
    values = whole(frame).astype(object)
    content = {"units": UNITS, "runs": values.where(values.notna(), None).to_dict("records")}
    return (json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()


def parquet(frame: pandas.DataFrame) -> bytes:
    """The columns of `whole`; settings are text, since one may be a number here and a word there.

    So is the variable of a curve that has words among its values.
    """
    import pyarrow
    from pyarrow.parquet import write_table

    settings = [column for column in frame.columns if "." in column]
    texts = whole(frame).astype({column: "string" for column in settings})
    for column in _curve_columns(frame):
        texts[column] = _of_one_type(texts[column])
    table = pyarrow.Table.from_pandas(texts, preserve_index=False)
    content = io.BytesIO()
    write_table(
        table.replace_schema_metadata({**(table.schema.metadata or {}), b"units": UNITS.encode()}), content
    )
    return content.getvalue()


def markdown(frame: pandas.DataFrame) -> str:
    """What fits on a page: the runs with their state, the trade-off metrics, what findings have, and usage."""
    about = [f"- {escaping.markdown(line)}" for line in _lines(frame)]
    return "\n".join([*grids.markdown(_grid(frame)), "", *about, *([""] * bool(about)), _PERCENT, ""])


def latex(frame: pandas.DataFrame) -> str:
    """The same for a paper."""
    return grids.latex(_grid(frame), [*_lines(frame), _PERCENT])


def _lines(frame: pandas.DataFrame) -> list[str]:
    """What stands under the table: what its shares and numbers are, and what findings warn of."""
    about = [found.line for found in quantities(frame["findings"]).values()]
    return [*about, *(f"{MARK} {text}" for text in warnings(frame["findings"]))]


def whole(frame: pandas.DataFrame) -> pandas.DataFrame:
    """The runs of `frame` (from `collect`) with columns for curves, searches and warnings, after all others."""
    import pandas

    added: dict[str, Any] = {
        column: [_flat(points(findings, curve)) for findings in frame["findings"]]
        for column, curve in _curve_columns(frame).items()
    }
    by_search = [(name, by) for found in frame["searches"] for name, by in found.items()]
    for name, flag in dict.fromkeys((name, flag) for name, by in by_search for flag in by):
        decided = [found.get(name, {}).get(flag) for found in frame["searches"]]
        added[f"searches.{name}.{flag}"] = pandas.array(decided, dtype="Int64")
    if any(texts := ["; ".join(warnings([found])) for found in frame["findings"]]):
        added["warning"] = texts
    return pandas.concat([frame.drop(columns=list(FOUND)), pandas.DataFrame(added, index=frame.index)], axis=1)


def _curve_columns(frame: pandas.DataFrame) -> dict[str, Curve]:
    return {f"{curve.finding}.curves.{curve.name}": curve for curve in curves(frame["findings"]).values()}


def _flat(found: list[dict[str, Any]] | None) -> list[dict[str, Any]] | None:
    """The points with the ends of their intervals as entries of their own."""
    if found is None:
        return None
    ends = [point["interval"] or (None, None) for point in found]
    return [
        {**{key: point[key] for key in ("at", "count", "of", "value")}, "lower": lower, "upper": upper}
        for point, (lower, upper) in zip(found, ends, strict=True)
    ]


def _of_one_type(column: pandas.Series) -> pandas.Series:
    """Curves whose variable is a number in all of them, or a text in all."""
    at = [point["at"] for found in column.dropna() for point in found]
    kind = str if any(isinstance(each, str) for each in at) else float
    return column.map(lambda found: [{**point, "at": kind(point["at"])} for point in found], na_action="ignore")


FORMATS: dict[str, Callable[[pandas.DataFrame], str | bytes]] = {
    "csv": csv,
    "json": as_json,
    "parquet": parquet,
    "md": markdown,
    "latex": latex,
}

_USAGE = dict(zip(USAGE, ("peak memory", "peak GPU memory", "GPU utilisation"), strict=True))
"""The columns of those runs that say something of it, in the tables that fit on a page."""

_PERCENT = "Percent; in brackets the 95 % Wilson interval."


def _grid(frame: pandas.DataFrame) -> grids.Grid:
    of_findings = quantities(frame["findings"])
    symbols = {**SYMBOLS, **{name: found.symbol for name, found in of_findings.items()}}
    plain = numbers(frame["findings"])
    noted = {name: title for name, title in _USAGE.items() if frame["peak_memory"].notna().any()}
    rows = [
        [
            f"{row['name']}-{row['run_id']}",
            marked(row["state"], warnings([row["findings"]])),
            *(_number(row[name]) if name in plain else _shown(row, name) for name in symbols),
            *(spoken(name, row[name]) for name in noted),
        ]
        for row in frame.to_dict("records")
    ]
    return grids.Grid(["run", "state", *symbols.values(), *noted.values()], rows, words=2)


def _number(value: float) -> str:
    return "—" if value != value else f"{value:.4g}"


def _shown(row: Mapping[Hashable, Any], metric: str) -> str:
    value, low, high = (100 * row[name] for name in (metric, f"{metric}_lower", f"{metric}_upper"))
    if value != value:  # NaN: there is no result, or nothing to condition on
        return "—"
    return f"{value:.2f} [{low:.2f}, {high:.2f}]" if low == low else f"{value:.2f}"
