"""Run directories to W&B: what is not yet there, once.

The run directories are what is uploaded, not W&B's own offline files, which hold an epoch twice when a run was
resumed, and nothing of what came after a full disk.
"""

from __future__ import annotations

import csv
import io
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analysis.collect import load
from analysis.escaping import one_line
from analysis.wandb_runs import served
from hypo import sweep_directory
from hypo.errors import InputError

if TYPE_CHECKING:
    import pandas

_ENDED = ("done", "failed", "interrupted")


@dataclass(frozen=True)
class Uploaded:
    """What happened to one run: how many epochs were sent, and whether its results were."""

    name: str
    epochs: int
    results: bool


def sync(frame: pandas.DataFrame, target: tuple[str, str] | None = None) -> Iterator[Uploaded]:
    """Upload the runs of `frame` (from `collect`) that have ended, one by one.

    Epochs that the server has are left out; a run that it has whole is passed over.

    Args:
        target: entity and project; None takes those in each run's settings, which leave the entity to W&B.

    Raises:
        InputError: a row is no run directory's; or the server cannot be reached, or stopped answering, then
            what was uploaded stays, and the same command goes on.
    """
    import wandb

    from hypo.wandb_process import probe

    wandb.setup(wandb.Settings(silent=True))
    url = wandb.setup().settings.base_url
    try:
        probe(url)
    except OSError as error:
        raise InputError(f"--sync: {one_line(error)}") from None
    known: dict[tuple[str, str], dict[str, Any]] = {}
    groups = _Groups()
    for row in frame[frame["state"].isin(_ENDED)].to_dict("records"):
        directory = Path(row["directory"])
        config = load(directory / "config.yaml")[0]
        if not config:
            raise InputError(f"--sync: takes run directories; for W&B's own files: wandb sync {directory}")
        place = target or _place(config["tracking"])
        if place not in known:
            known[place] = {run.id: run for run in _served("/".join(place))}
        there = known[place].get(row["run_id"])
        seen = {} if there is None else dict(there.summary_metrics)
        new = [entry for entry in _history(directory) if entry["epoch"] > int(seen.get("epoch") or 0)]
        done = row["state"] == "done"
        results = done and "intervals" not in seen
        if new or results or there is None or there.state == "running":
            try:
                _upload(directory, config, place, groups.of(directory), new, done)
            except Exception as error:
                raise InputError(f"--sync: {row['name']}: the upload failed: {one_line(error)}") from None
            yield Uploaded(row["name"], len(new), results)


def _place(tracking: Mapping[str, Any]) -> tuple[str, str]:
    """Where a run's settings send it."""
    import wandb

    try:
        return str(tracking["entity"] or wandb.Api().default_entity), str(tracking["project"])
    except Exception as error:
        raise InputError(f"--sync: W&B says: {one_line(error)}") from None


def _served(project: str) -> list[Any]:
    """The project's runs; none where the first upload is to make it."""
    try:
        return list(served(project))
    except InputError as error:
        if "not find project" in str(error):
            return []
        raise


def _upload(
    directory: Path,
    config: Mapping[str, Any],
    place: tuple[str, str],
    group: str | None,
    epochs: list[dict[str, float]],
    done: bool,
) -> None:
    from hypo.job import label, tags
    from hypo.wandb_process import begin, conclude

    entity, project = place
    with tempfile.TemporaryDirectory() as scratch:
        (Path(scratch) / "wandb").mkdir()
        about = {"id": config["run_id"], "name": label(config), "group": group, "tags": tags(config)}
        run = begin(Path(scratch), "online", **about, config=dict(config), project=project, entity=entity)
        try:
            for row in epochs:
                run.log(row, step=int(row["epoch"]))
            if done:
                conclude(run, directory, load(directory / "result.json")[0])
        finally:
            run.finish(0 if done else 1)


def _history(directory: Path) -> list[dict[str, float]]:
    """history.csv as it was logged, each epoch once; none where there is none."""
    try:
        text = (directory / "history.csv").read_text("utf-8")
    except OSError:
        return []
    rows = [{key: float(value) for key, value in row.items()} for row in csv.DictReader(io.StringIO(text))]
    return list({row["epoch"]: row for row in rows}.values())


class _Groups:
    """The sweep that each run belongs to, read once for each outputs folder."""

    def __init__(self) -> None:
        self._known: dict[Path, dict[str, str]] = {}

    def of(self, directory: Path) -> str | None:
        """The id of a sweep that names the run, None where there is none."""
        outputs = directory.parent.parent
        if outputs not in self._known:
            sweeps = sorted((outputs / "sweeps").glob("*/sweep.json"))
            self._known[outputs] = {
                name: sweep.parent.name for sweep in sweeps for name in sweep_directory.read(sweep.parent)["runs"]
            }
        return self._known[outputs].get(directory.name)
