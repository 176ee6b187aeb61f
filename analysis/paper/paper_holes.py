"""What of a published table was never run, as holes beside the runs that have no result."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from analysis.paper.beside_paper import beside_paper, readable
from analysis.paper.placement import place

if TYPE_CHECKING:
    import pandas


def with_holes(frame: pandas.DataFrame, name: str) -> pandas.DataFrame:
    """`frame` (from `collect`), and a run that is missing for every row of `name` that no run of it can fill.

    `name` and errors are those of `beside_paper`.
    """
    import pandas

    placed, compared = place(name, readable(frame)).rows, beside_paper(frame, name).rows
    holes = []
    for (published, fitting), row in zip(placed, compared, strict=True):
        lacking = dict.fromkeys(attack for (attack, _), pair in row.pairs.items() if pair.ours is None)
        if lacking and all(run["state"] == "done" for run in fitting):  # others are listed as they are
            setting = " ".join(filter(None, published.setting.values()))
            attacks = f", attacked by {', '.join(lacking)}" if fitting else ""
            command = f"python -m hypo.run -m +sweeps={name}{_output_dir(frame)}"
            hole = {
                "name": f"{name}: {setting}{attacks}",
                "state": "missing",
                "reason": "not run",
                "command": command,
            }
            holes.append(hole)
    return pandas.concat([frame, pandas.DataFrame(holes, dtype=object)]) if holes else frame


def _output_dir(frame: pandas.DataFrame) -> str:
    """What is to be typed so that new runs come to lie beside those of `frame`."""
    runs = Path(str(frame["directory"].iloc[0])).parent if len(frame) else Path()
    usual = runs.name != "runs" or runs.parent == Path("outputs")
    return "" if usual else f" {shlex.quote(f'output_dir={runs.parent}')}"
