"""A list of records as CSV, JSON or Parquet, for whatever is to be read on by other programs."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

Record = Mapping[str, Any]
"""Column to value; None where there is none. All records of a list have the same columns."""

Found = TypeVar("Found")


def formats(records: Callable[[Found], Sequence[Record]]) -> dict[str, Callable[[Found], str | bytes]]:
    """The formats by their names, for whatever `records` makes records of."""
    writers: dict[str, Callable[[Sequence[Record]], str | bytes]] = {
        "csv": as_csv,
        "json": as_json,
        "parquet": as_parquet,
    }

    def of(write: Callable[[Sequence[Record]], str | bytes]) -> Callable[[Found], str | bytes]:
        return lambda found: write(records(found))

    return {name: of(write) for name, write in writers.items()}


def as_csv(records: Sequence[Record]) -> str:
    """A header and a line a record; empty fields stand for what is not there, lists are separated by spaces."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(records[0]) if records else [], lineterminator="\n")
    writer.writeheader()
    for record in records:
        lists = {key: " ".join(map(str, value)) for key, value in record.items() if isinstance(value, list)}
        writer.writerow({**record, **lists})
    return text.getvalue()


def as_json(records: Sequence[Record]) -> str:
    """A list of objects; null stands for what is not there."""
    return json.dumps(list(records), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def as_parquet(records: Sequence[Record]) -> bytes:
    """A row a record."""
    import pyarrow
    from pyarrow.parquet import write_table

    content = io.BytesIO()
    write_table(pyarrow.Table.from_pylist([dict(record) for record in records]), content)
    return content.getvalue()


def number(value: float, unit: str = "percent") -> float | None:
    """As a record holds it: six decimals of a percentage, six digits of all else; None for NaN."""
    if math.isnan(value):
        return None
    return round(value, 6) if unit == "percent" else float(f"{value:.6g}")
