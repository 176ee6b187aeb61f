"""The trade-off table, laid out as Table 10 of Tao et al. (2022): D, A, F and three risks, defense by λ."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from analysis import escaping
from analysis.tables import grids
from analysis.tables.cells import SYMBOLS, Block, Cell, Estimate, blocks, unplaced
from analysis.tables.records import Record, formats, number

if TYPE_CHECKING:
    import pandas
    from rich.console import Console

UNITS = "Percent; mean ± std over n seeds, std left out at n = 1."

_HEADING = 80  # characters that a page is wide

_LATEX_SYMBOLS = {
    "R_nat": r"$R_{\mathrm{nat}}$",
    "R_adv_plus": r"$R_{\mathrm{adv}}^{+}$",
    "R_hyp_minus": r"$R_{\mathrm{hyp}}^{-}$",
}


@dataclass(frozen=True)
class TradeoffTable:
    """One block an experiment, and the runs that belong to none because their settings cannot be read."""

    blocks: tuple[Block, ...]
    unplaced: tuple[str, ...]

    @property
    def trends(self) -> tuple[str, ...]:
        """What λ does, defense by defense and block by block."""
        return tuple(line for block in self.blocks for line in block.trends)

    @property
    def notes(self) -> tuple[str, ...]:
        """Every hole with its reason, block by block."""
        return (*(note for block in self.blocks for note in block.notes), *self.unplaced)


def tradeoff_table(frame: pandas.DataFrame) -> TradeoffTable:
    """Average the runs of `frame` (from `collect`) over seeds; FORMATS render it."""
    return TradeoffTable(tuple(blocks(frame)), tuple(unplaced(frame)))


def markdown(table: TradeoffTable) -> str:
    """A heading, a table and a list of holes for every block; text from configs is escaped."""
    lines = []
    for block in table.blocks:
        lines += [f"### {escaping.markdown(block.heading)}", ""]
        rows = [
            [cell.defense, cell.lambda_, cell.seeds, *map(shown, _estimates(cell).values())]
            for cell in block.cells
        ]
        lines += grids.markdown(grids.Grid(["defense", "λ", "n", *SYMBOLS.values()], rows, words=1))
        remarks = (*block.trends, *block.notes)
        lines += ["", *(f"- {escaping.markdown(remark)}" for remark in remarks), *([""] * bool(remarks))]
    if table.unplaced:
        lines += ["Runs in no table:", "", *(f"- {escaping.markdown(note)}" for note in table.unplaced), ""]
    return "\n".join([*lines, UNITS, ""])


def records(table: TradeoffTable) -> list[Record]:
    """One a cell and metric: its settings, mean and std in percent, and n of how many runs.

    `heading` and `notes` are as in the other renderings.
    """
    settings = ["dataset", "training_data", "arch", "norm", "epsilon", "settings"]
    return [
        {
            "heading": block.heading,
            **{key: block.settings[key] for key in settings},
            "defense": cell.defense,
            "lambda": cell.lambda_,
            "metric": metric,
            "unit": "percent",
            "mean": number(estimate.mean),
            "std": number(estimate.std),
            "n": estimate.n,
            "runs": cell.runs,
            "notes": "; ".join(cell.notes),
        }
        for block in table.blocks
        for cell in block.cells
        for metric, estimate in _estimates(cell).items()
    ]


def latex(table: TradeoffTable) -> str:
    r"""One `tabular` that needs only `\usepackage{booktabs}`, with the holes in small print under it."""
    symbols = [_LATEX_SYMBOLS.get(metric, f"${metric}$") for metric in SYMBOLS]
    lines = [r"\begin{tabular}{lrr" + "r" * len(symbols) + "}", r"\toprule"]
    lines.append(" & ".join(["Defense", r"$\lambda$", "$n$", *symbols]) + r" \\")
    for block in table.blocks:
        heading = escaping.latex(block.heading)
        # A long one goes over several lines, or it would push the columns off the page.
        sides = "l" if len(block.heading) < _HEADING else r"p{0.9\linewidth}"
        lines += [r"\midrule", rf"\multicolumn{{{3 + len(symbols)}}}{{{sides}}}{{{heading}}} \\"]
        previous = None
        for cell in block.cells:
            if cell.defense != previous:
                lines.append(r"\addlinespace")
            values = [shown(estimate, r" $\pm$ ", hole="---") for estimate in _estimates(cell).values()]
            first = [escaping.latex(text) for text in (cell.defense, cell.lambda_)]
            lines.append(" & ".join([*first, cell.seeds, *values]) + r" \\")
            previous = cell.defense
    notes = grids.small_print([UNITS, *table.trends, *table.notes])
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", "", *notes, ""])


FORMATS: dict[str, Callable[[TradeoffTable], str | bytes]] = {
    "md": markdown,
    "latex": latex,
    **formats(records),
}


def print_table(frame: pandas.DataFrame, console: Console) -> None:
    """Print the table of `frame` (from `collect`) in a terminal or a log: 80 columns, one decimal."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = tradeoff_table(frame)
    for block in table.blocks:
        grid = Table(box=box.SIMPLE_HEAD, padding=0, show_edge=False)
        grid.add_column("defense", overflow="fold")
        for name in ("λ", "n", *SYMBOLS.values()):
            grid.add_column(name, justify="right", no_wrap=True)
        previous = None
        for cell in block.cells:
            values = [shown(estimate, "±", digits=1) for estimate in _estimates(cell).values()]
            name = "" if cell.defense == previous else cell.defense
            grid.add_row(*(Text(text) for text in (name, cell.lambda_, cell.seeds, *values)))
            previous = cell.defense
        console.print(Text(block.heading, style="bold"))
        console.print(grid)
    for note in (*table.trends, *table.notes):
        console.print(Text(f"- {note}"))
    console.print(Text(UNITS, style="dim"))


def _estimates(cell: Cell) -> dict[str, Estimate]:
    return {metric: cell.estimates[metric] for metric in SYMBOLS}


def shown(estimate: Estimate, plus_minus: str = " ± ", digits: int = 2, hole: str = "—") -> str:
    """Mean and standard deviation, the latter where there is one; `hole` where there is nothing."""
    if estimate.n == 0:
        return hole
    mean = f"{estimate.mean:.{digits}f}"
    return mean if math.isnan(estimate.std) else f"{mean}{plus_minus}{estimate.std:.{digits}f}"
