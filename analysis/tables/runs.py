"""One row a run, with every setting and metric, for other tools to read on."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Hashable, Mapping
from typing import TYPE_CHECKING, Any

from analysis.tables import grids
from analysis.tables.cells import SYMBOLS

if TYPE_CHECKING:
    import pandas

UNITS = "metrics are fractions in [0, 1]; <metric>_lower and <metric>_upper end their 95 % Wilson intervals"


def csv(frame: pandas.DataFrame) -> bytes:
    """The columns of `collect`; empty fields stand for what is not there."""
    return frame.to_csv(index=False, lineterminator="\n").encode()


def as_json(frame: pandas.DataFrame) -> bytes:
    """An object of `units` and `runs`, a list of records; null stands for what is not there."""
    values = frame.astype(object)
    content = {"units": UNITS, "runs": values.where(values.notna(), None).to_dict("records")}
    return (json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()


def parquet(frame: pandas.DataFrame) -> bytes:
    """The columns of `collect`; settings are text, since one may be a number here and a word there."""
    import pyarrow
    from pyarrow.parquet import write_table

    settings = [column for column in frame.columns if "." in column]
    texts = frame.astype({column: "string" for column in settings})
    table = pyarrow.Table.from_pandas(texts, preserve_index=False)
    content = io.BytesIO()
    write_table(
        table.replace_schema_metadata({**(table.schema.metadata or {}), b"units": UNITS.encode()}), content
    )
    return content.getvalue()


def markdown(frame: pandas.DataFrame) -> str:
    """What fits on a page: the runs with their state and the metrics of the trade-off table."""
    return "\n".join([*grids.markdown(_grid(frame)), "", _PERCENT, ""])


def latex(frame: pandas.DataFrame) -> str:
    """The same for a paper."""
    return grids.latex(_grid(frame), [_PERCENT])


FORMATS: dict[str, Callable[[pandas.DataFrame], str | bytes]] = {
    "csv": csv,
    "json": as_json,
    "parquet": parquet,
    "md": markdown,
    "latex": latex,
}

_PERCENT = "Percent; in brackets the 95 % Wilson interval."


def _grid(frame: pandas.DataFrame) -> grids.Grid:
    rows = [
        [f"{row['name']}-{row['run_id']}", row["state"], *(_shown(row, metric) for metric in SYMBOLS)]
        for row in frame.to_dict("records")
    ]
    return grids.Grid(["run", "state", *SYMBOLS.values()], rows, words=2)


def _shown(row: Mapping[Hashable, Any], metric: str) -> str:
    value, low, high = (100 * row[name] for name in (metric, f"{metric}_lower", f"{metric}_upper"))
    if value != value:  # NaN: there is no result, or nothing to condition on
        return "—"
    return f"{value:.2f} [{low:.2f}, {high:.2f}]" if low == low else f"{value:.2f}"
