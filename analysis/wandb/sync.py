"""Run directories to W&B: what is not yet there, once.

The run directories are what is uploaded, not W&B's own offline files, which hold an epoch twice when a run was
resumed, and nothing of what came after a full disk.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analysis.escaping import one_line
from analysis.reading.collect import load
from analysis.reading.findings import Findings
from analysis.reading.wandb_runs import served
from hypo.runs import sweep as sweep_directory
from hypo.runs.directory import RunDirectory
from hypo.settings.errors import InputError

if TYPE_CHECKING:
    import pandas

_ENDED = ("done", "failed", "interrupted")
_SAMPLES = 100_000  # more than a run has epochs, so that none is left out
_PATIENCE = 600.0  # seconds that a server may take for a run: nothing waits for it


@dataclass(frozen=True)
class Uploaded:
    """What happened to one run: how many epochs were sent, and whether its results were."""

    name: str
    epochs: int
    results: bool


def sync(frame: pandas.DataFrame, target: tuple[str, str] | None = None) -> Iterator[Uploaded]:
    """Upload the runs of `frame` (from `collect`) that have ended, one by one.

    Epochs that the server has are left out; a run that it has whole, and knows the end of, is passed over.

    Args:
        target: entity and project; None takes those in each run's settings, which leave the entity to W&B.

    Raises:
        InputError: a row is no run directory's; or the server cannot be reached, or stopped answering, then
            what was uploaded stays, and the same command goes on.
    """
    import wandb

    from hypo.runs.wandb_process import probe

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
        there, done = known[place].get(row["run_id"]), row["state"] == "done"
        try:
            missing = _missing(there, RunDirectory(directory).history(), row["findings"] if done else None)
            if missing is not None:
                _upload(directory, config, place, groups.of(directory), missing, done)
        except Exception as error:
            raise InputError(f"--sync: {row['name']}: the upload failed: {one_line(error)}") from None
        if missing is not None:
            yield Uploaded(row["name"], len(missing.epochs), missing.results)


@dataclass(frozen=True)
class _Missing:
    """What the server lacks of a run, be it only its end; `last_step` is that of the last epoch that it has."""

    epochs: list[dict[str, float]]
    results: bool
    last_step: int


def _missing(run: Any, history: list[dict[str, float]], findings: Findings | None) -> _Missing | None:
    """What of `history`, the results and the end the server's `run` (None: it has none) lacks; None for nothing.

    `findings` are those of a run that is done; one that was added later, or measured again with other settings, is
    a result that the server lacks.

    The epochs are compared one by one: the summary may know of a later one than arrived, and one in between may
    be missing.
    """
    done = findings is not None
    if run is None:
        return _Missing(history, done, last_step=0)
    served = run.history(keys=["epoch"], samples=_SAMPLES, pandas=False)
    there, last_step = {row["epoch"] for row in served}, max((row["_step"] for row in served), default=0)
    epochs = [row for row in history if row["epoch"] not in there]
    results = findings is not None and not _has(run.summary_metrics, findings)
    has_ended = run.state == "finished" if done else run.state != "running"
    return _Missing(epochs, results, last_step) if epochs or results or not has_ended else None


def _has(summary: Mapping[str, Any], findings: Findings) -> bool:
    """Whether a summary on the server has the results of a run, with these findings."""
    there = summary.get("findings") or {}
    same = (there.get(key, {}).get("settings") == finding["settings"] for key, finding in findings.items())
    return "intervals" in summary and all(same)


def _place(tracking: Mapping[str, Any]) -> tuple[str, str]:
    """Where a run's settings send it."""
    import wandb

    try:
        settings = wandb.setup().settings  # where WANDB_ENTITY is, as for a run that is online
        return str(tracking["entity"] or settings.entity or wandb.Api().default_entity), str(tracking["project"])
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
    missing: _Missing,
    done: bool,
) -> None:
    from hypo.jobs.job import label, tags
    from hypo.runs.wandb_run import begin, conclude

    with tempfile.TemporaryDirectory() as scratch:
        (Path(scratch) / "wandb").mkdir()
        run = begin(
            Path(scratch),
            "online",
            id=config["run_id"],
            name=label(config),
            group=group,
            tags=tags(config),
            config=dict(config),
            project=place[1],
            entity=place[0],
            init_seconds=_PATIENCE,
            finish_seconds=_PATIENCE,
        )
        try:
            step = missing.last_step
            for row in missing.epochs:
                # A step that W&B has passed is dropped, so an epoch that is missing in between gets a later one.
                step = max(step + 1, int(row["epoch"]))
                run.log(row, step=step, commit=True)
            for row in RunDirectory(directory).history()[-1:]:
                run.summary.update(row)
            if done:
                result = load(directory / "result.json")[0]
                conclude(run, directory, {key: result[key] for key in result if key not in ("schema", "run_id")})
        finally:
            run.finish(0 if done else 1)


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
