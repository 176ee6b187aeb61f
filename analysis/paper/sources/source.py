"""What a source has of tables and figures, and what its names mean in runs of ours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

Setting = Mapping[str, str]
"""An experiment by the columns of `analysis/paper/reference`, "" in a column that says nothing."""

LINF = {"norm": "linf"}
STANDARD = {"data": "quality", "defense": "standard"}
NAIVE = {"data": "naive", "defense": "none"}

GRID = ("0", "1", "5", "10", "20", "40", "60", "80", "100")
"""λ in the tables of Tao et al. (2022)."""

_KEYS = ("dataset", "arch", "norm", "eps", "data", "defense", "lambda")


@dataclass(frozen=True)
class Layout:
    """A table or figure whose numbers the text has in part or not at all: what it is of, and what it says of it.

    Attributes:
        columns: attack and metric of each.
    """

    rows: tuple[Setting, ...]
    columns: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Source:
    """A paper.

    Attributes:
        own: the tables and figures with numbers, or a layout, that no other has, in the source's order.
        same: those that are made of others; `training_data` says of which rows alone, where not of all.
        layouts: rows and columns of those whose numbers are not all in the text, and the rows of figures without
            any, where an arch of "" is any; of the others the numbers tell.
        toys: tables that are computed exactly, by the part of `analysis toy` that shows them.
        spreads: what the numbers of each of `own` are over, or why there are none.
        seeds: how many runs a published std is over.
        archs: the option of each architecture, and the settings that make it the published one.
        datasets: the options of the data sets in the order of the source's panels, by what its file calls them.
        attacks: what an option of a small sweep stands for; its attack itself may have fewer steps.
    """

    own: tuple[str, ...]
    spreads: Mapping[str, str]
    seeds: int
    archs: Mapping[str, tuple[str, Mapping[str, str]]]
    datasets: Mapping[str, str]
    attacks: Mapping[str, str]
    same: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    training_data: Mapping[str, str] = field(default_factory=dict)
    layouts: Mapping[str, Layout] = field(default_factory=dict)
    toys: Mapping[str, str] = field(default_factory=dict)


def experiment(**columns: str) -> Setting:
    """All columns in their order; `lambda_` is the column "lambda"."""
    given = {key.rstrip("_"): value for key, value in columns.items()}
    assert given.keys() <= set(_KEYS)
    return {key: given.get(key, "") for key in _KEYS}
