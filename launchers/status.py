"""`python -m launchers.status`: what a sweep is doing, on whichever launcher, from its files and from Slurm."""

from __future__ import annotations

import argparse
import shlex
import sys
import time
from collections.abc import Iterator, Sequence

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from analysis.escaping import one_line
from hypo.command_line.streams import replace_what_cannot_be_shown
from hypo.settings.errors import InputError
from launchers.slurm.cancel import cancel
from launchers.watching.cell_table import STYLES, counts, distinguishing, lines, readable_names, table
from launchers.watching.cells import UNFINISHED
from launchers.watching.cluster import SlurmError
from launchers.watching.failures import failures
from launchers.watching.find_sweep import find_sweep
from launchers.watching.moment import Moment, PlannedSweep, planned_sweep

_SECONDS = 5.0
"""Between two looks of `--watch`; more where a look itself takes long, so that nobody's cluster is kept busy."""

_LINES_AROUND = 8
"""What stands above and below the rows of `--watch`."""

_ABOUT = """\
What each run of a sweep is doing: state, epoch of epochs, estimated time left,
attempts, node, last sign of life, and the reason where it is not well.

SWEEP is a folder outputs/sweeps/<id>, the id of a sweep in ./outputs (its
beginning is enough), or an outputs folder that holds one sweep. A copy of the
outputs on another machine works too.

Exit code: 0 when every run has its result, 1 when some have not, 2 for wrong
input.
"""
_EXAMPLES = """\
examples:
  python -m launchers.status outputs                one row a run
  python -m launchers.status 2b6d --watch           until nothing is queued or running
  python -m launchers.status 2b6d --failed          reasons, logs, commands
  python -m launchers.status 2b6d --cancel          and leave the results there are
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Show or cancel a sweep and return the exit code: 0 complete, 1 not, 2 for wrong input, 130 for Ctrl-C."""
    replace_what_cannot_be_shown()
    options = _parser().parse_args(arguments)
    console = Console(highlight=False, emoji=False)
    try:
        sweep = planned_sweep(find_sweep(options.sweep))
        if options.watch:
            moment = _watch(sweep, console)
        else:
            moment = sweep.now()
            if options.cancel:
                _print(console, *cancel(sweep, moment), *moment.notes)
            elif options.failed:
                _print(console, *failures(sweep, moment), counts(moment.cells.values()), *moment.notes)
            else:
                _show(sweep, moment, console)
    except (InputError, SlurmError) as error:
        print(f"python -m launchers.status: {error}", file=sys.stderr)
        return 2 if isinstance(error, InputError) else 1
    except KeyboardInterrupt:
        return 130
    return 0 if moment.is_complete else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "python -m launchers.status",
        description=_ABOUT,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("sweep", metavar="SWEEP", help="see above")
    instead = parser.add_mutually_exclusive_group()
    instead.add_argument(
        "--watch", action="store_true", help="redraw until nothing is queued or running; in a pipe a line a change"
    )
    instead.add_argument(
        "--failed",
        action="store_true",
        help="of what has no result: reason, attempts, log, command to run it again",
    )
    instead.add_argument("--cancel", action="store_true", help="cancel the jobs that are queued or running")
    return parser


def _watch(sweep: PlannedSweep, console: Console) -> Moment:
    """Show the sweep again and again until nothing works on it; returns what it came to."""
    if not console.is_terminal:
        return _report_changes(sweep, console)
    with Live(console=console, auto_refresh=False, transient=True) as live:
        for moment in _moments(sweep):
            live.update(_page(sweep, moment, console), refresh=True)
    _show(sweep, moment, console)
    return moment


def _report_changes(sweep: PlannedSweep, console: Console) -> Moment:
    before: Moment | None = None
    for moment in _moments(sweep):
        if before is None:
            _show(sweep, moment, console)
        else:
            names = readable_names(moment.cells.values())
            for name, cell in moment.cells.items():
                if cell.state != before.cells[name].state:
                    change = f"{before.cells[name].state} -> {cell.state}"
                    reason = f": {one_line(cell.reason)}" if cell.reason else ""
                    _print(console, f"{time.strftime('%H:%M:%S')}  {names[name]}  {change}{reason}")
        before = moment
    _print(console, counts(moment.cells.values()), *moment.notes)
    return moment


def _moments(sweep: PlannedSweep) -> Iterator[Moment]:
    moment: Moment | None = None
    idle = 0
    while True:
        started = time.monotonic()
        moment = sweep.now(moment)
        yield moment
        # A sweep in one process is, between two of its runs, at work on none.
        idle = 0 if moment.is_at_work else idle + 1
        if moment.is_complete or idle == 2:
            return
        time.sleep(max(_SECONDS, 3 * (time.monotonic() - started)))


def _show(sweep: PlannedSweep, moment: Moment, console: Console) -> None:
    """The whole sweep once: a table on a terminal, aligned columns elsewhere."""
    cells = list(moment.cells.values())
    names = list(readable_names(cells).values())
    if console.is_terminal:
        names, shared = distinguishing(names)
        _print(console, _heading(sweep, shared), Text(one_line(sweep.command), "dim"))
        console.print(table(cells, names))
    else:
        heading = f"Sweep {sweep.sweep_id}: {one_line(sweep.command)}"
        _print(console, "\n".join([heading, *lines(cells, names)]))
    _print(console, counts(cells), *moment.notes)
    if any(cell.state in UNFINISHED for cell in cells):
        _print(
            console,
            f"Reasons, logs, commands: python -m launchers.status {shlex.quote(str(sweep.folder))} --failed",
        )


def _page(sweep: PlannedSweep, moment: Moment, console: Console) -> RenderableType:
    """As much of the sweep as the terminal has room for, first what asks for attention."""
    names, shared = distinguishing(list(readable_names(moment.cells.values()).values()))
    named = sorted(zip(moment.cells.values(), names, strict=True), key=lambda pair: [*STYLES].index(pair[0].state))
    room = max(1, console.height - _LINES_AROUND)
    cells, shown = [cell for cell, _ in named[:room]], [name for _, name in named[:room]]
    more = f"and {len(named) - room} more; " if len(named) > room else ""
    return Group(
        Text.assemble(_heading(sweep, shared), ("  " + one_line(sweep.command), "dim"), no_wrap=True),
        table(cells, shown, wrap=False),
        Text(f"{more}Ctrl-C leaves, the sweep goes on", "dim", no_wrap=True),
        counts(moment.cells.values()),
        *(Text(note, "yellow") for note in moment.notes),
    )


def _heading(sweep: PlannedSweep, shared: str) -> Text:
    return Text(f"Sweep {sweep.sweep_id}  {shared}".rstrip(), "bold")


def _print(console: Console, *texts: str | Text) -> None:
    for text in texts:
        console.print(text, soft_wrap=True, markup=False)


if __name__ == "__main__":
    sys.exit(main())
