"""The figures of the papers, from the runs that are there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from analysis.curves.figures.catalogue import ELSEWHERE, FIGURES
from analysis.paper.published import source_of
from hypo.settings.errors import InputError

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure


def paper_figure(frame: pandas.DataFrame, name: str) -> tuple[Figure, pandas.DataFrame]:
    """Figure `name` of the runs of `frame` (from `collect`), and those of them that belong to it.

    Runs whose settings cannot be read may belong to it, and are among them.

    Raises:
        InputError: there is no such figure, no run of it is done, or runs that differ would be averaged.
    """
    import pandas

    if name in ELSEWHERE:
        raise InputError(f"figure: {name} is drawn by another part: python -m analysis {ELSEWHERE[name]}")
    if name not in FIGURES:
        raise InputError(f"figure: takes one of {', '.join(FIGURES)}, got {name!r}")
    wanted = FIGURES[name]
    runs: list[Any] = frame.to_dict("records")
    fits = pandas.Series(list(map(wanted.has, runs)), frame.index, dtype=bool)
    if not (fits & (frame["state"] == "done")).any():
        sweep = f"python -m hypo.run -m +sweeps={name} makes them, +sweeps=smoke/{name} in small"
        raise InputError(f"{name}: takes runs of {wanted.takes}; none here is done; {sweep}")
    places = {option: at for at, option in enumerate(source_of(name).datasets)}  # others come first, as they come
    in_order = [frame["dataset"].map(lambda option: places.get(option, -1)), frame["arch"], frame["epsilon_value"]]
    if "dataset.scale" in frame:  # of the digits, which stand for several data sets in a rehearsal
        in_order.insert(1, pandas.to_numeric(frame["dataset.scale"], errors="coerce"))
    keys = pandas.concat(in_order, axis=1, keys=range(len(in_order)))
    drawn = frame.loc[keys[fits].sort_values(list(keys), kind="stable").index]
    return wanted.draw(drawn), frame[fits | (frame["settings"] == "")]
