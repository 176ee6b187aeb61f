"""What an audit tells at its end, from result.json alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich.table import Table

from hypo.command_line.result_tables import number_lines, result_table, searches_table

WORST = 3
"""How many classes are named."""


def summary(result: Mapping[str, Any]) -> Iterator[str | Table]:
    """The table of accuracies and risks, what further searches added, warnings, and the worst classes."""
    yield result_table(result)
    if len(result["searches"]) > 1:
        yield searches_table(result)
    yield from number_lines(result)
    yield from _masking(result["findings"])
    yield from _worst(result["findings"])


def _masking(findings: Mapping[str, Any]) -> Iterator[str]:
    for name, finding in findings.items():
        if finding["warning"]:
            yield f"† {finding['title']}: {finding['warning']}"
        elif name == "masking":
            yield "Gradient masking: no sign of it"


def _worst(findings: Mapping[str, Any]) -> Iterator[str]:
    """The classes of lowest accuracy under attack, where they were taken apart."""
    curves = {curve["name"]: curve for curve in findings.get("classes", {}).get("curves", ())}
    points = [point for point in curves.get("A", {}).get("points", ()) if point["of"]]
    if len(points) > WORST:
        lowest = sorted(points, key=lambda point: point["value"])[:WORST]
        named = ", ".join(f"{point['at']} ({point['count']} of {point['of']})" for point in lowest)
        yield f"Worst classes, by A: {named}"
