"""What the published figures are over: one run, or several with or without their spread."""

from __future__ import annotations

from analysis.paper.published import source_of, tables_of


def spreads(name: str) -> list[str]:
    """What the figures of `name`, such as tao2022/table10, are over: a line for all tables that are alike."""
    alike: dict[str, list[str]] = {}
    for table in tables_of(name):
        alike.setdefault(source_of(name).spreads[table], []).append(table)
    return [f"Published in {_spoken(tables)}: {spread}." for spread, tables in alike.items()]


def _spoken(tables: list[str]) -> str:
    """table10 and table11 as "Tables 10 and 11"."""
    word = tables[0].rstrip("0123456789")
    *others, last = [table.removeprefix(word) for table in tables]
    plural = f"s {', '.join(others)} and" if others else ""
    return f"{word.capitalize()}{plural} {last}"
