"""The recipes that the published numbers can be from, and in what a run differs from the one it is nearest to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from analysis.paper.published_attacks import is_of_the_attack
from analysis.paper.sources import tao2020_recipe, tao2022_recipe
from analysis.paper.sources.settings import Settings
from analysis.reading.setting_values import is_recorded, same, written

_Recipe = Callable[[Mapping[str, Any]], Settings]

_RECIPES: Mapping[str, tuple[_Recipe, _Recipe | None]] = {
    "tao2022": (partial(tao2022_recipe.recipe, code=False), partial(tao2022_recipe.recipe, code=True)),
    "tao2020": (tao2020_recipe.recipe, None),
}
"""The paper's, and that of its authors' code where there is one; the texts of the other sources have none."""


@dataclass(frozen=True)
class Deviations:
    """In what a run differs from a published recipe, such as "recipe.batch = 64 (published 128)".

    `of_code`: whether that is the recipe of the authors' code, to which the run is nearer than to the paper's.
    """

    texts: tuple[str, ...] = ()
    of_code: bool = False


def settings_that_matter(run: Mapping[str, Any]) -> dict[str, Any]:
    """Every single setting of `run` (a row of `collect`) that is recorded and can change its result."""
    untrained = ("defense.", "recipe.") if run["training_data"] in ("naive", "elsewhere") else ()
    return {
        key: value
        for key, value in run.items()
        if "." in key and not key.startswith(untrained) and is_recorded(value)
    }


def deviations(run: Mapping[str, Any], source: str) -> Deviations:
    """In what `run`, one of a published row's experiment, differs from the recipe that it is nearest to.

    Its attack is no part of the recipe (see `published_attacks`).
    A setting that an older run did not record is not known to differ.
    """
    if source not in _RECIPES:
        return Deviations()
    paper, code = _RECIPES[source]
    ours = {key: value for key, value in settings_that_matter(run).items() if not is_of_the_attack(key)}
    of_paper = _differences(ours, paper(run))
    if code is None:
        return Deviations(of_paper)
    of_code = _differences(ours, code(run))
    # Where a run is as near to both, or no setting tells the two apart, how its attack is scored does.
    scored = run.get("evaluation.success") == "last_iterate"
    if (len(of_code), not scored) < (len(of_paper), scored):
        return Deviations(of_code, of_code=True)
    return Deviations(of_paper)


def _differences(ours: Settings, published: Settings) -> tuple[str, ...]:
    found = []
    for key, value in ours.items():
        if key.endswith(".fingerprint"):
            continue  # of one's own copy of the images: no paper has it
        if key not in published:
            found.append(f"{key} = {written(value)} (in no published recipe)")
        elif not same(value, published[key]):
            found.append(f"{key} = {written(value)} (published {written(published[key])})")
    return tuple(found)
