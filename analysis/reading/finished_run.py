"""A finished run with all that it takes to attack its test images once more."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hypo.settings.errors import InputError

if TYPE_CHECKING:
    import pandas
    import torch
    from torch import Tensor, nn

    from hypo.attacks.goals.goal import Goal
    from hypo.datasets.images import ImageData, Images
    from hypo.measurements.pictures import Example


@dataclass(frozen=True)
class FinishedRun:
    """What `read` finds.

    Attributes:
        flags: the rows of examples.parquet.
        images, labels: of the test images that it was measured on, in the order of `flags`; (examples, channels,
            height, width) float32 in [0, 1], perhaps decoded on demand, and (examples,) int64.
        classes: the names of the labels.
        test_size: how many test images the data set has, whether or not the run was measured on them.
        attack: threat model and evaluation.
        first: whether its pictures show the first point that succeeds, see `Pictures`.
    """

    name: str
    flags: pandas.DataFrame
    model: nn.Module
    images: Images
    labels: Tensor
    classes: tuple[str, ...]
    test_size: int
    attack: tuple[Any, Any]
    first: bool

    def demonstrate(
        self, rows: torch.Tensor, goal_of: Callable[[Tensor], Goal], count: int
    ) -> tuple[Example, ...]:
        """At most `count` of the images in `rows` (int64) on which the run's attack succeeds once more."""
        from hypo.measurements.pictures import demonstrate

        chosen = (self.images[rows], self.labels[rows], self.classes)
        return demonstrate(self.model, *chosen, goal_of, *self.attack, count, first=self.first)


def read(path: Path) -> FinishedRun:
    """The run at `path`.

    Raises:
        InputError: when it is no run, has no model and examples yet, or its data are no longer there.
    """
    from hypo.runs.directory import RunDirectory
    from hypo.runs.loading import load_model, load_test_data
    from hypo.settings.components import build

    config = RunDirectory(path).config()
    model = load_model(path)
    flags = read_flags(path)
    images, labels = load_test_data(path)
    data = _load(build(config["dataset"], "dataset"))
    attack = (build(config["threat_model"], "threat_model"), build(config["evaluation"], "evaluation"))
    name = str(config.get("name", path.name))
    pictures = config.get("measurement", {}).get("pictures", {})
    first = pictures.get("point") == "first_success"
    return FinishedRun(name, flags, model, images, labels, data.classes, len(data.test), attack, first)


def read_flags(path: Path) -> pandas.DataFrame:
    """examples.parquet of the run at `path`; InputError when it is missing."""
    import pandas

    file = path / "examples.parquet"
    if not file.exists():
        raise InputError(f"{file}: is missing; the run is not done")
    return pandas.read_parquet(file)


@lru_cache(maxsize=1)
def _load(dataset: Any) -> ImageData:
    """The data set, read once for all runs on it."""
    return dataset.load()
