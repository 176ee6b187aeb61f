"""One run of W&B's: begun or resumed, and given its results."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import wandb

INIT_SECONDS = 8.0
FINISH_SECONDS = 10.0
"""How long starting a run online may take, and uploading what is left of it at its end."""


def begin(
    directory: Path,
    mode: Literal["online", "offline"],
    *,
    id: str,
    name: str,
    group: str | None,
    tags: list[str],
    config: dict[str, Any],
    project: str,
    entity: str | None,
    init_seconds: float = INIT_SECONDS,
    finish_seconds: float = FINISH_SECONDS,
) -> wandb.Run:
    """Begin or resume a W&B run that captures nothing but what it is told; its files lie in `directory`/wandb."""
    import wandb

    run = wandb.init(
        dir=directory,
        mode=mode,
        id=id,
        resume="allow",
        name=name,
        group=group,
        job_type="train",
        tags=tags,
        config=config,
        project=project,
        entity=entity,
        reinit="create_new",
        settings=wandb.Settings(
            silent=True,
            console="off",
            save_code=False,
            disable_code=True,
            disable_git=True,
            symlink=False,
            use_dot_wandb=False,
            init_timeout=init_seconds,
            finish_timeout=finish_seconds,
            finish_timeout_raises=True,
            x_disable_meta=True,
            x_disable_stats=True,
            x_disable_machine_info=True,
            x_save_requirements=False,
            x_transaction_log_flush_interval=1,
        ),
    )
    run.define_metric("epoch")
    run.define_metric("*", step_metric="epoch")
    return run


def conclude(run: wandb.Run, directory: Path, summary: Mapping[str, Any]) -> None:
    """Give a W&B run its results, and what the run directory shows of single examples.

    summary: result.json's entries; empty for a run that has none.
    """
    run.summary.update(dict(summary))
    if summary:
        run.summary.update(_points(summary.get("findings", {})))
        run.summary.update({"examples": _examples(directory)})


def point_entry(finding: str, curve: str, at: object) -> str:
    """The entry of the summary that holds the share of a curve at one value of its variable, for W&B's charts."""
    return f"{finding}/{curve}/{re.sub(r'[^0-9A-Za-z_-]', '_', str(at))}"


def _points(findings: Mapping[str, Any]) -> dict[str, float]:
    """Every point of the findings' curves, which W&B cannot draw out of a list."""
    return {
        point_entry(key, curve["name"], point["at"]): point["value"]
        for key, finding in findings.items()
        for curve in finding["curves"]
        for point in curve["points"]
        if point["value"] is not None
    }


def _examples(directory: Path) -> dict[str, Any]:
    """The pictures of all measurements, and how the clean margins of the test examples are distributed."""
    import wandb
    from pyarrow.parquet import read_table

    found: dict[str, Any] = {}
    for picture in sorted(directory.glob("measurements/*/*.png")):
        found[f"{picture.parent.name}/{picture.stem}"] = wandb.Image(str(picture))
    if (directory / "examples.parquet").exists():
        table = read_table(directory / "examples.parquet", columns=["correct", "hyp", "margin"])
        correct, hyp, margin = (column.to_numpy() for column in table.columns)
        kinds = {
            "margin_of_correct": correct,
            "margin_of_hidden_mistakes": ~correct & hyp,
            "margin_of_other_mistakes": ~correct & ~hyp,
        }
        found |= {
            name: wandb.Histogram(margin[chosen].tolist(), num_bins=32)
            for name, chosen in kinds.items()
            if chosen.any()
        }
    return found
