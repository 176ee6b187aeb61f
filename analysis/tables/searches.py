"""What each search of an evaluation added to those before it, and what it cost: one row a search, in turn."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from analysis import escaping
from analysis.tables import grids
from analysis.tables.cells import SYMBOLS, Cell, Estimate, blocks
from analysis.tables.records import Record, formats, number
from analysis.tables.tables import shown
from hypo.measurements.searched import SHARES, SoFar, so_far

if TYPE_CHECKING:
    import pandas

FLAGS = ("adv", "hyp", "sta")

_NOTE = (
    "adv, hyp and sta are how many flags the search decided itself: correct predictions that it broke, "
    "mistakes that it hid, and mistakes that it was the first to move. A, F, R_adv⁺ and R_hyp⁻, in percent, "
    "are those of the search and all before it, mean ± std over seeds, and in brackets is by how many points "
    "that is more than what the first search finds alone. A pass is one image once through the model, with or "
    "without the way back; those of the clean images are not counted. × is what the search and all before it "
    "took, in units of what the first one took. Flags and passes are those of all seeds together."
)
_NONE = "No run here has a result."


@dataclass(frozen=True)
class Step:
    """One search, over the seeds of a cell.

    Attributes:
        decided: how many of each flag it decided itself, over all seeds.
        shares, differences: of it and those before it, in percent, and in points to those of the first search.
        passes: its own, over all seeds; None where a run has not counted them.
        relative_passes: of it and those before it, in units of those of the first; None as above.
    """

    search: str
    decided: Mapping[str, int]
    shares: Mapping[str, Estimate]
    differences: Mapping[str, Estimate]
    passes: int | None
    relative_passes: float | None


@dataclass(frozen=True)
class Searched:
    """The searches of one cell, in turn: of runs that differ in their seed alone.

    Attributes:
        heading: which cell of what experiment it is.
    """

    heading: str
    cell: Cell
    steps: tuple[Step, ...]


def searched(frame: pandas.DataFrame) -> list[Searched]:
    """The cells in `frame` (from `collect`) that have a result, in the order of the tables."""
    rows: dict[str, Any] = {row["directory"]: row for row in frame.to_dict("records")}
    found = []
    for block in blocks(frame):
        for cell in block.cells:
            of_runs = [so_far(rows[directory]) for directory in cell.done]
            if of_runs and all(of_runs):
                name = f"{cell.defense}, λ = {cell.lambda_}" if cell.lambda_ else cell.defense
                found.append(Searched(f"{block.heading}, {name}", cell, tuple(_steps(of_runs))))
    return found


def _steps(of_runs: Sequence[Sequence[SoFar]]) -> Iterator[Step]:
    """What the runs have in each search; one list of these a run."""
    first = [searches[0] for searches in of_runs]
    spent: int | None = 0
    for here in zip(*of_runs, strict=True):
        passes = _sum(each.passes for each in here)
        spent = _sum((spent, passes))
        of_first = _sum(each.passes for each in first)
        pairs = [(each.shares, alone.shares) for each, alone in zip(here, first, strict=True)]
        yield Step(
            search=here[0].search,
            decided={flag: sum(each.decided.get(flag, 0) for each in here) for flag in FLAGS},
            shares={name: _estimate(now[name] for now, _ in pairs) for name in SHARES},
            differences={
                name: _estimate(_minus(now[name], alone[name]) for now, alone in pairs) for name in SHARES
            },
            passes=passes,
            relative_passes=None if spent is None or not of_first else spent / of_first,
        )


def _sum(counts: Iterable[int | None]) -> int | None:
    """None where one of them is not known."""
    known = list(counts)
    return None if None in known else sum(count for count in known if count is not None)


def _minus(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else one - other


def _estimate(fractions: Iterable[float | None]) -> Estimate:
    import pandas

    percent = 100 * pandas.Series(list(fractions), dtype=float)
    return Estimate(float(percent.mean()), float(percent.std()), int(percent.count()))


def markdown(found: Sequence[Searched]) -> str:
    """A heading and a table for every cell, what its findings warn of, and how to read it."""
    lines: list[str] = []
    for each in found:
        lines += [f"### {escaping.markdown(_heading(each))}", "", *grids.markdown(_grid(each)), ""]
        lines += [
            *(f"- {escaping.markdown(line)}" for line in each.cell.warnings),
            *([""] * bool(each.cell.warnings)),
        ]
    return "\n".join([*lines, _NOTE if found else _NONE, ""])


def latex(found: Sequence[Searched]) -> str:
    r"""A `tabular` for every cell, which needs only `\usepackage{booktabs}`."""
    tables = [grids.latex(_grid(each), [_heading(each), *each.cell.warnings]) for each in found]
    return "\n".join([*tables, *grids.small_print([_NOTE if found else _NONE]), ""])


def records(found: Sequence[Searched]) -> list[Record]:
    """One a search: flags and passes over all seeds, shares in percent and differences in points."""
    return [
        {
            "heading": each.heading,
            "defense": each.cell.defense,
            "lambda": each.cell.lambda_,
            "seeds": len(each.cell.done),
            "place": place,
            "search": step.search,
            **step.decided,
            **{name: number(step.shares[name].mean) for name in SHARES},
            **{f"{name}_std": number(step.shares[name].std) for name in SHARES},
            **{f"{name}_difference": number(step.differences[name].mean) for name in SHARES},
            **{f"{name}_difference_std": number(step.differences[name].std) for name in SHARES},
            "passes": step.passes,
            "relative_passes": None if step.relative_passes is None else number(step.relative_passes),
        }
        for each in found
        for place, step in enumerate(each.steps, start=1)
    ]


FORMATS: dict[str, Callable[[Sequence[Searched]], str | bytes]] = {
    "md": markdown,
    "latex": latex,
    **formats(records),
}


def _heading(found: Searched) -> str:
    seeds = "1 seed" if found.cell.seeds == "1" else f"{found.cell.seeds} seeds"
    return f"{found.heading}, {seeds}"


def _grid(found: Searched) -> grids.Grid:
    rows = [
        [
            step.search,
            *(f"{step.decided[flag]:,}" for flag in FLAGS),
            *(_share(step, name, is_first=step is found.steps[0]) for name in SHARES),
            "—" if step.passes is None else f"{step.passes:,}",
            "—" if step.relative_passes is None else f"{step.relative_passes:.2f}",
        ]
        for step in found.steps
    ]
    return grids.Grid(["search", *FLAGS, *(SYMBOLS[name] for name in SHARES), "passes", "×"], rows, words=1)


def _share(step: Step, name: str, is_first: bool) -> str:
    text, difference = shown(step.shares[name]), step.differences[name]
    return text if is_first or not difference.n else f"{text} ({difference.mean:+.2f})"
