"""A table of texts as Markdown or LaTeX; texts are escaped here, so that they show as what they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from analysis import escaping


@dataclass(frozen=True)
class Grid:
    """Titles and the rows under them; the first `words` columns are aligned left, the others right."""

    titles: Sequence[str]
    rows: Sequence[Sequence[str]]
    words: int


def markdown(grid: Grid) -> list[str]:
    """The lines of a table."""
    numbers = len(grid.titles) - grid.words
    titles, *rows = (f"| {' | '.join(map(escaping.markdown, row))} |" for row in (grid.titles, *grid.rows))
    return [titles, "|---" * grid.words + "|--:" * numbers + "|", *rows]


def latex(grid: Grid, notes: Sequence[str]) -> str:
    r"""One `tabular` that needs only `\usepackage{booktabs}`, with the notes in small print under it."""
    sides = "l" * grid.words + "r" * (len(grid.titles) - grid.words)
    titles, *rows = (" & ".join(map(escaping.latex, row)) + r" \\" for row in (grid.titles, *grid.rows))
    lines = [rf"\begin{{tabular}}{{{sides}}}", r"\toprule", titles, r"\midrule", *rows, r"\bottomrule"]
    return "\n".join([*lines, r"\end{tabular}", "", *small_print(notes), ""])


def small_print(notes: Sequence[str]) -> list[str]:
    """The lines of LaTeX that set every note as a paragraph."""
    return [r"\par\smallskip{\footnotesize", *(rf"{escaping.latex(note)}\par" for note in notes), "}"]
