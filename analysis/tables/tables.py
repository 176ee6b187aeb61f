"""The trade-off table, laid out as Table 10 of Tao et al. (2022): D, A, F and three risks, defense by λ.

After these come the shares and numbers that a finding of any run of the experiment has; under the table stands
what they are.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from analysis import escaping
from analysis.reading.columns import METRICS
from analysis.reading.findings import Quantity
from analysis.tables import grids
from analysis.tables.cells import SYMBOLS, Block, Cell, Estimate, blocks, unplaced
from analysis.tables.records import Record, formats, number

if TYPE_CHECKING:
    import pandas
    from rich.console import Console

UNITS = "Percent; mean ± std over n seeds, std left out at n = 1."

_FEWER = "A number in brackets is n where not all seeds have the share."

_HEADING = 80  # characters that a page is wide
_IN_A_ROW = 4  # of them that fit in a terminal, whatever their symbols are

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
    def units(self) -> str:
        """How the numbers are to be read."""
        cells = [(block.besides, cell) for block in self.blocks for cell in block.cells]
        fewer = any(_fewer(cell, name) for besides, cell in cells for name in besides)
        return f"{UNITS} {_FEWER}" if fewer else UNITS

    @property
    def besides(self) -> dict[str, Quantity]:
        """Those of all blocks."""
        return {name: found for block in self.blocks for name, found in block.besides.items()}

    @property
    def searched(self) -> tuple[str, ...]:
        """What each search decided, block by block."""
        return tuple(line for block in self.blocks for line in block.searched)

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
        names = (*SYMBOLS, *block.besides)
        rows = [
            [cell.defense, cell.lambda_, cell.seeds, *(cell_text(cell, name) for name in names)]
            for cell in block.cells
        ]
        symbols = [*SYMBOLS.values(), *(found.symbol for found in block.besides.values())]
        lines += grids.markdown(grids.Grid(["defense", "λ", "n", *symbols], rows, words=1))
        about = (found.line for found in block.besides.values())
        remarks = (*about, *block.searched, *block.trends, *block.notes)
        lines += ["", *(f"- {escaping.markdown(remark)}" for remark in remarks), *([""] * bool(remarks))]
    if table.unplaced:
        lines += ["Runs in no table:", "", *(f"- {escaping.markdown(note)}" for note in table.unplaced), ""]
    return "\n".join([*lines, table.units, ""])


def records(table: TradeoffTable) -> list[Record]:
    """One a cell and metric: its settings, mean and std with their unit, and n of how many runs.

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
            "unit": estimate.unit,
            "mean": number(estimate.mean, estimate.unit),
            "std": number(estimate.std, estimate.unit),
            "n": estimate.n,
            "runs": cell.runs,
            "notes": "; ".join(cell.notes),
        }
        for block in table.blocks
        for cell in block.cells
        for metric in (*SYMBOLS, *block.besides)
        for estimate in [cell.estimates[metric]]
    ]


def latex(table: TradeoffTable) -> str:
    r"""One `tabular` that needs only `\usepackage{booktabs}`, with the holes in small print under it."""
    symbols = [_LATEX_SYMBOLS.get(metric, f"${metric}$") for metric in SYMBOLS]
    symbols += [escaping.latex(found.symbol) for found in table.besides.values()]
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
            names = (*SYMBOLS, *table.besides)
            values = [cell_text(cell, name, r" $\pm$ ", hole="---") for name in names]
            first = [escaping.latex(text) for text in (cell.defense, cell.lambda_, cell.seeds)]
            lines.append(" & ".join([*first, *values]) + r" \\")
            previous = cell.defense
    about = [found.line for found in table.besides.values()]
    notes = grids.small_print([table.units, *about, *table.searched, *table.trends, *table.notes])
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

    def grid(block: Block, names: Mapping[str, str]) -> Table:
        found = Table(box=box.SIMPLE_HEAD, padding=0, show_edge=False)
        found.add_column("defense", overflow="fold")
        for symbol in ("λ", "n", *names.values()):
            found.add_column(Text(symbol), justify="right", no_wrap=True)
        previous = None
        for cell in block.cells:
            values = [cell_text(cell, name, "±", digits=1) for name in names]
            name = "" if cell.defense == previous else cell.defense
            found.add_row(*(Text(text) for text in (name, cell.lambda_, cell.seeds, *values)))
            previous = cell.defense
        return found

    table = tradeoff_table(frame)
    for block in table.blocks:
        console.print(Text(block.heading, style="bold"))
        console.print(grid(block, SYMBOLS))
        names = list(block.besides)
        for some in (names[at : at + _IN_A_ROW] for at in range(0, len(names), _IN_A_ROW)):
            console.print(grid(block, {name: block.besides[name].symbol for name in some}))
            for name in some:
                console.print(Text(f"- {block.besides[name].line}"))
        for line in block.searched:
            console.print(Text(f"- {line}"))
    for note in (*table.trends, *table.notes):
        console.print(Text(f"- {note}"))
    console.print(Text(table.units, style="dim"))


def cell_text(cell: Cell, name: str, plus_minus: str = " ± ", digits: int = 2, hole: str = "—") -> str:
    """What stands in the column of a metric, share or number, with its own n where not all seeds have it."""
    text = shown(cell.estimates[name], plus_minus, digits, hole)
    return f"{text} ({cell.estimates[name].n})" if _fewer(cell, name) else text


def _fewer(cell: Cell, name: str) -> bool:
    # A metric of every run that is undefined has a note.
    return name not in METRICS and 0 < cell.estimates[name].n < len(cell.done)


def shown(estimate: Estimate, plus_minus: str = " ± ", digits: int = 2, hole: str = "—") -> str:
    """Mean and standard deviation, the latter where there is one; `hole` where there is nothing.

    Percentages have `digits` decimals. What has another unit may be of any size, and has as many digits altogether
    as they would have.
    """
    if estimate.n == 0:
        return hole
    form = f".{digits}f" if estimate.unit == "percent" else f".{digits + 2}g"
    mean = f"{estimate.mean:{form}}"
    return mean if math.isnan(estimate.std) else f"{mean}{plus_minus}{estimate.std:{form}}"
