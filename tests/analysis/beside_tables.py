"""Runs of a few cells of a published table, beside it."""

from __future__ import annotations

from pathlib import Path

from analysis.paper.beside_paper import Comparison, Pair, beside_paper
from analysis.reading.collect import collect

CIFAR10 = ("dataset=cifar10",)
TRADES = (*CIFAR10, "defense=trades", "lambda=6")


def compared(outputs: Path, name: str = "tao2022/table8") -> Comparison:
    return beside_paper(collect(outputs), name)


def trades(comparison: Comparison) -> list[dict[str, Pair]]:
    """Table 8's row of TRADES on CIFAR-10, quality data, by metric."""
    wanted = {"dataset": "cifar10", "data": "quality", "defense": "trades"}
    return [
        {metric: pair for (_, metric), pair in row.pairs.items()}
        for row in comparison.rows
        if wanted.items() <= row.setting.items()
    ]
