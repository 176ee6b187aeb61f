"""What the seeds of one model of a figure say together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from analysis.paper.kinds import refuse_mixtures, refuse_twins
from analysis.tables.cells import NORMS, Estimate, differing, one_spelling

if TYPE_CHECKING:
    import pandas

Run = Mapping[str, Any]


def experiments(runs: pandas.DataFrame, *keys: str) -> Iterator[tuple[str, list[Any]]]:
    """The runs (rows of `collect`) of one threat model and of what `keys` name, with what these are, in words."""
    placed = one_spelling(runs[(runs["settings"] != "") & (runs["state"] == "done")], "epsilon")
    for (*named, norm, epsilon), alike in placed.groupby([*keys, "norm", "epsilon"], sort=False, dropna=False):
        heading = ", ".join([*map(str, named), f"{NORMS.get(str(norm), norm)} ε = {epsilon}"])
        yield heading, alike.to_dict("records")


def estimate(
    where: str,
    runs: Sequence[Run],
    value: Callable[[Run], float | None],
    but: Callable[[str], bool] = lambda key: False,
) -> Estimate:
    """Mean and deviation of `value`, a fraction in [0, 1], None or NaN where a run has none; in percent.

    Raises:
        InputError: where runs of `where` would be averaged that differ in more than their seed, and in settings
            that `but` is not true of.
    """
    import pandas

    refuse_mixtures(where, runs, but)
    refuse_twins(where, runs)
    percent = 100 * pandas.Series([value(run) for run in runs], dtype=float)
    return Estimate(float(percent.mean()), float(percent.std()), int(percent.count()))


def points(run: Run, finding: str, curve: str) -> dict[Any, float | None]:
    """What `run` has of a curve of a finding: the value at each of its points; none where it has no such curve."""
    curves = run["findings"].get(finding, {"curves": ()})["curves"]
    return {point["at"]: point["value"] for each in curves if each["name"] == curve for point in each["points"]}


def norm_of(run: Run, finding: str) -> str:
    """The norm that a finding of `run` was measured in: its own, or that of the run."""
    return str(run["findings"][finding]["settings"].get("norm") or run["norm"])


def set_apart(runs: pandas.DataFrame, finding: str) -> list[str]:
    """A note where the finding was not measured with the same settings in all of `runs`."""
    different = finding in differing(runs["findings"])
    return [f"{finding} was measured with different settings"] if different else []
