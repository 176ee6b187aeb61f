"""What the published figures are over: one run, or several with or without their spread."""

from __future__ import annotations

from collections.abc import Mapping

from analysis.paper.published import SEEDS, tables_of

_SINGLE = "single runs, as their digits show, so that no spread is known"
_SPREADS: Mapping[str, str] = {
    "table1": f"means over {SEEDS} runs, whose std stands in Table 5",
    "table2": f"means over {SEEDS} runs, whose std stands in Table 7",
    "table3": f"means over {SEEDS} runs, whose std stands in Tables 7 and 8, for NT on CIFAR-10 nowhere",
    **{f"table{number}": f"means ± std over {SEEDS} runs" for number in range(5, 10)},
    **{f"table{number}": _SINGLE for number in range(10, 14)},
    "table14": f"THRM a single run, the others means over {SEEDS} runs, without std",
    "table16": "single runs, so that no spread is known",
    "figure2": "as the text of Section 1 rounds them; it does not say over how many runs",
}


def spreads(name: str) -> list[str]:
    """What the figures of `name`, such as tao2022/table10, are over: a line for all tables that are alike."""
    alike: dict[str, list[str]] = {}
    for table in tables_of(name):
        alike.setdefault(_SPREADS[table], []).append(table)
    return [f"Published in {_spoken(tables)}: {spread}." for spread, tables in alike.items()]


def _spoken(tables: list[str]) -> str:
    """table10 and table11 as "Tables 10 and 11"."""
    word = tables[0].rstrip("0123456789")
    *others, last = [table.removeprefix(word) for table in tables]
    plural = f"s {', '.join(others)} and" if others else ""
    return f"{word.capitalize()}{plural} {last}"
