"""The models that examples are to transfer between, with names that tell them apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from analysis.reading.same_settings import check_same
from analysis.tables import headings
from hypo.settings.errors import InputError

if TYPE_CHECKING:
    import pandas

Kind = Literal["natural", "naive", "thrm", "defended", "other"]
"""How a model came about, as Section 4.2 of Tao et al. (2020) tells them apart; "other" is none of these."""

_FIRST = ("natural", "naive")


@dataclass(frozen=True)
class Model:
    """The model of a finished run.

    Attributes:
        label: short, and no other model's.
        training_id: of all runs that have this model.
        path: the directory of one of them.
    """

    label: str
    kind: Kind
    run_id: str
    training_id: str
    path: Path


def models(frame: pandas.DataFrame) -> list[Model]:
    """Those of the finished runs of `frame` (from `collect`), in the order in which they are to be shown.

    Of runs that differ in their evaluation alone, and share a model, the first stands for all.

    Raises:
        InputError: when there are fewer than two, or they differ in test images or threat model.
    """
    done = frame[frame["state"] == "done"]
    paths = [Path(path) for path in done["directory"]]
    if paths:
        check_same("transfer", paths, "dataset", "models of one data set")
        check_same("transfer", paths, "threat_model", "models of one threat model")
        check_same("transfer", paths, "evaluation", "models of the same test images", settings=("test_limit",))
    first: dict[str, int] = {}
    for place, path in enumerate(paths):
        first.setdefault(_training_id(path), place)
    if len(first) < 2:
        raise InputError(f"transfer: takes finished runs of at least two models, got {len(first)}")
    done = done.iloc[list(first.values())]
    rows = [row for _, row in done.iterrows()]
    found = [
        (_place(row), Model(label, _kind(row), row["run_id"], training_id, Path(row["directory"])))
        for label, training_id, row in zip(_labels(done), first, rows, strict=True)
    ]
    return [model for _, model in sorted(found, key=lambda placed: (placed[0], placed[1].label))]


def _training_id(path: Path) -> str:
    from hypo.jobs.experiment import Experiment
    from hypo.runs.directory import RunDirectory
    from hypo.settings.components import build
    from hypo.settings.identity import GROUPS, training_id

    config = RunDirectory(path).config()
    return training_id(Experiment(**{group: build(config[group], group) for group in GROUPS}, seed=config["seed"]))


def _kind(row: pandas.Series) -> Kind:
    if row["training_data"] == "naive":
        return "naive"
    if row["training_data"] == "elsewhere":
        return "other"
    if row["defense"] == "standard":
        return "natural" if row["training_data"] == "quality" else "other"
    return "thrm" if row["defense"] == "thrm" else "defended"


def _place(row: pandas.Series) -> tuple[Any, ...]:
    kind, defense = _kind(row), str(row["defense"])
    lambda_ = row["lambda_value"] if row["lambda"] else 0.0
    early = _FIRST.index(kind) if kind in _FIRST else len(_FIRST)
    return early, defense != "pgd_at", defense, lambda_, str(row["arch"]), int(row["seed"])


def _labels(done: pandas.DataFrame) -> list[str]:
    """Defense and λ, and of all the rest no more than it takes to tell the runs apart."""
    trained = done.drop(columns=[column for column in done if str(column).startswith("evaluation.")])
    settings, defenses = (headings.differences(trained, key) for key in ("settings", "defense_settings"))
    several = {key for key in ("arch", "training_data") if done[key].nunique() > 1}

    def name(row: pandas.Series) -> str:
        data = str(row["training_data"])
        if data in ("naive", "elsewhere"):
            words = [data]
        else:
            words = [str(row["defense"]), *([f"λ={row['lambda']}"] if row["lambda"] else [])]
            words += [data] if "training_data" in several and data != "quality" else []
        return " ".join([*words, *([str(row["arch"])] if "arch" in several else [])])

    further: Sequence[Callable[[pandas.Series], str]] = (
        lambda row: f"seed {row['seed']}",
        lambda row: defenses[row["defense_settings"]],
        lambda row: settings[row["settings"]],
        lambda row: str(row["run_id"]),
    )
    rows = [row for _, row in done.iterrows()]
    labels = [name(row) for row in rows]
    for more in further:
        count = Counter(labels)
        labels = [
            ", ".join(filter(None, [label, more(row)])) if count[label] > 1 else label
            for label, row in zip(labels, rows, strict=True)
        ]
    return labels
