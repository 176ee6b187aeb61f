"""What went wrong with each cell that nothing works on any more, and what to type to run it again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from analysis.escaping import one_line
from hypo.runs import status as run_status
from launchers.watching.cells import UNFINISHED, Cell
from launchers.watching.moment import Moment, PlannedSweep

_WIDTH = len("attempt 10:  ")
_TRACEBACK_LINES = 20


def failures(sweep: PlannedSweep, moment: Moment) -> Iterator[str]:
    """Line by line the cells that failed, were interrupted or are missing, and the command that runs them all."""
    bad = [cell for cell in moment.cells.values() if cell.state in UNFINISHED]
    for cell in bad:
        cause = f" ({one_line(cell.cause)})" if cell.cause not in ("", cell.state) else ""
        yield f"{one_line(cell.name)}  {cell.state}{cause}"
        status = run_status.read(sweep.runs / cell.name)
        for title, texts in _sections(cell, status).items():
            for number, text in enumerate(texts):
                yield f"  {'' if number else f'{title}:':<{_WIDTH}}{_printable(text)}".rstrip()
        yield ""
    if bad:
        yield f"{len(bad)} of {len(moment.cells)} runs have no result, and nothing works on them. All again:"
        yield f"  {one_line(sweep.command)}"


def _sections(cell: Cell, status: Mapping[str, Any]) -> dict[str, Sequence[str]]:
    attempts = status.get("attempts") or []
    trace = (status.get("traceback") or "") if cell.cause == "error" else ""
    return {
        "reason": [one_line(cell.reason)],
        **{
            f"attempt {number}": [_attempt(attempt, cell.reason)]
            for number, attempt in enumerate(attempts, start=1)
        },
        "traceback": trace.splitlines()[-_TRACEBACK_LINES:],
        "log": cell.log,
        "run again": [cell.command],
    }


def _attempt(attempt: Mapping[str, Any], known: str) -> str:
    where = attempt.get("node") or attempt.get("host")
    job = f"job {attempt['job']}" if "job" in attempt else f"process {attempt.get('pid')}"
    times = [str(attempt.get(key, "?")).removesuffix("+00:00") for key in ("started_at", "ended_at")]
    how = attempt.get("outcome") or "its end was not noted"
    reason = f": {attempt['reason']}" if attempt.get("reason") not in (None, known) else ""
    return one_line(f"{where}, {job}, {times[0]} to {times[1]} UTC, {how}{reason}")


def _printable(line: str) -> str:
    """A line of a log that cannot move the cursor; bars that a program redrew show as they were last."""
    last = line.expandtabs().rstrip("\r").rpartition("\r")[2]
    return "".join(character if character.isprintable() else "�" for character in last)
