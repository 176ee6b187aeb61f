"""How cells are shown: as a table on a terminal, as aligned columns elsewhere, always with their counts."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from itertools import compress, takewhile

from rich import box
from rich.table import Table
from rich.text import Text

from analysis.escaping import one_line
from launchers.watching.cells import Cell
from launchers.watching.evidence import ALIVE_SECONDS

STYLES = {
    "running": "cyan",
    "failed": "bold red",
    "interrupted": "yellow",
    "queued": "blue",
    "missing": "magenta",
    "done": "green",
}
"""The states, those first that ask for attention."""

_COLUMNS = ("state", "run", "epoch", "ETA", "attempts", "node", "heartbeat", "reason")
_TO_THE_RIGHT = ("epoch", "ETA", "attempts", "heartbeat")
_LONG = 40


def readable_names(cells: Collection[Cell]) -> dict[str, str]:
    """For each run directory its name without the run id, unless another run has the same one."""
    names = {cell.name: one_line(cell.name.rpartition("-")[0] or cell.name) for cell in cells}
    times = Counter(names.values())
    return {name: short if times[short] == 1 else one_line(name) for name, short in names.items()}


def distinguishing(names: Sequence[str]) -> tuple[list[str], str]:
    """The parts of names that tell them apart, and those that all share, with an ellipsis for the others."""
    parts = [re.split(r"-(?=[A-Za-z])", name) for name in names]  # a hyphen in 1e-05 parts nothing
    if len(names) < 2:
        return list(names), ""
    if len({len(part) for part in parts}) > 1:
        fewest = min(map(len, parts)) - 1
        first = _shared(parts, fewest)
        last = _shared([part[::-1] for part in parts], fewest - first)
        ends = [(part[:first], part[first : len(part) - last], part[len(part) - last :]) for part in parts]
        parts = [[*head, "-".join(middle), *tail] for head, middle, tail in ends]
    varies = [len(set(column)) > 1 for column in zip(*parts, strict=True)]
    around = "-".join("…" if various else part for part, various in zip(parts[0], varies, strict=True))
    shared = "" if all(varies) else re.sub("…(-…)+", "…", around)
    return ["-".join(compress(part, varies)) for part in parts], shared


def counts(cells: Iterable[Cell]) -> Text:
    """How many cells there are in each state, and of those that ended badly why."""
    causes: dict[str, Counter[str]] = {state: Counter() for state in ("done", *STYLES)}
    for cell in cells:
        causes[cell.state][cell.cause if cell.cause != cell.state else ""] += 1
    total = sum(counted.total() for counted in causes.values())
    parts = []
    for state, counted in causes.items():
        why = ", ".join(f"{count} {cause}" for cause, count in counted.most_common() if cause)
        if counted:
            counted_state = (f"{counted.total()} {state}", STYLES[state])
            parts.append(Text.assemble(counted_state, f" ({why})" if why else ""))
    return Text.assemble(f"{total} run{'s' if total > 1 else ''}: ", Text(", ").join(parts))


def table(cells: Sequence[Cell], names: Sequence[str], wrap: bool = True) -> Table:
    """One row a cell, for a terminal; without `wrap` each is one line, cut where it does not fit."""
    rows = [_row(cell, name) for cell, name in zip(cells, names, strict=True)]
    grid = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0), pad_edge=False)
    shown = _filled(rows)
    for column in shown:
        # Where there is little room, the reason alone gives way, and a very long name.
        gives_way = _COLUMNS[column] == "reason" or max(len(row[column]) for row in rows) > _LONG
        grid.add_column(
            _COLUMNS[column],
            justify="right" if _COLUMNS[column] in _TO_THE_RIGHT else "left",
            no_wrap=not gives_way,
            overflow="fold" if wrap else "ellipsis",
        )
    for cell, row in zip(cells, rows, strict=True):
        texts = [Text(text, no_wrap=None if wrap else True) for text in row]
        texts[0].stylize(STYLES[cell.state])
        if cell.beat is not None and cell.beat > ALIVE_SECONDS:
            texts[_COLUMNS.index("heartbeat")].stylize("bold red")
        grid.add_row(*(texts[column] for column in shown))
    return grid


def lines(cells: Sequence[Cell], names: Sequence[str]) -> list[str]:
    """One line a cell under a heading, as wide as it takes."""
    rows = [_row(cell, name) for cell, name in zip(cells, names, strict=True)]
    shown = _filled(rows)
    rows.insert(0, _COLUMNS)
    widths = [max(len(row[column]) for row in rows) for column in range(len(_COLUMNS))]
    aligned = [
        f"{'>' if heading in _TO_THE_RIGHT else '<'}{width}"
        for heading, width in zip(_COLUMNS, widths, strict=True)
    ]
    return ["  ".join(f"{row[column]:{aligned[column]}}" for column in shown).rstrip() for row in rows]


def _row(cell: Cell, name: str) -> tuple[str, ...]:
    left = "" if cell.seconds_left is None else duration(cell.seconds_left) if cell.seconds_left else "evaluating"
    return (
        cell.state,
        name,
        f"{cell.epoch}/{cell.epochs}" if cell.epochs else "",
        left,
        str(cell.attempts or ""),
        one_line(cell.node),
        "" if cell.beat is None else f"{duration(cell.beat)} ago",
        one_line(cell.reason),
    )


def duration(seconds: float) -> str:
    """A time in the two largest units that it has."""
    if seconds < 99.5:
        return f"{seconds:.0f} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    if not hours:
        return f"{minutes} min"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h" if days else f"{hours} h {minutes:02} min"


def _filled(rows: Sequence[Sequence[str]]) -> list[int]:
    """The columns that say something in some row."""
    return [column for column in range(len(_COLUMNS)) if any(row[column] for row in rows)]


def _shared(parts: Sequence[Sequence[str]], at_most: int) -> int:
    """How many leading parts are the same everywhere."""
    columns = zip(*(part[:at_most] for part in parts), strict=True)
    return sum(1 for _ in takewhile(lambda column: len(set(column)) == 1, columns))
