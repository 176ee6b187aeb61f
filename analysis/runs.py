"""One row a run, with every setting and metric, for other tools to read on."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import TYPE_CHECKING

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


FORMATS: dict[str, Callable[[pandas.DataFrame], bytes]] = {"csv": csv, "json": as_json, "parquet": parquet}
