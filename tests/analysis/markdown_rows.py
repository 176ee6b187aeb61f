"""What stands in a table in Markdown."""

from __future__ import annotations


def rows_of(text: str) -> list[list[str]]:
    """The cells of the Markdown table rows, headers and rules left out."""
    rows = [
        [field.strip() for field in line.strip("|").split(" | ")] for line in text.splitlines() if "| " in line
    ]
    return [row for row in rows if row[0] != "defense"]
