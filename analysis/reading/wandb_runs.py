"""Runs as W&B has them, in a project or in offline folders, into the rows of `collect`."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analysis.escaping import one_line
from analysis.reading.findings import lacking
from analysis.reading.measured import NOTHING, measured
from analysis.reading.setting_columns import setting_columns
from hypo.runs.tracking import NAME
from hypo.runs.wandb_process import probe
from hypo.settings.errors import InputError

if TYPE_CHECKING:
    import wandb

_TIMEOUT = 30
"""Seconds for an answer of the server."""


def split(project: str, option: str) -> tuple[str, str]:
    """Entity and project of "entity/project".

    Raises:
        InputError: naming `option`, for anything else.
    """
    entity, _, name = project.partition("/")
    if not (NAME.fullmatch(entity) and NAME.fullmatch(name)):
        raise InputError(f"{option}: takes entity/project, got {project!r}")
    return entity, name


def served(project: str) -> list[wandb.apis.public.Run]:
    """The runs of the project "entity/project" on the server, with settings and results.

    Raises:
        InputError: no such project, no answer or no API key.
    """
    import wandb

    try:
        probe(wandb.setup().settings.base_url)
        found: list[wandb.apis.public.Run] = list(
            wandb.Api(timeout=_TIMEOUT).runs(project, lazy=False, per_page=500)
        )
    except Exception as error:
        # wandb reports refusals, time-outs and missing keys with a dozen types of exception.
        raise InputError(f"{project}: W&B says: {one_line(error)}") from None
    return found


def from_project(project: str) -> list[dict[str, Any]]:
    """A row for every run of the project "entity/project".

    Raises:
        InputError: it cannot be read, or has no runs.
    """
    split(project, "--from-wandb")
    states = {"finished": 0, "failed": 1, "crashed": 1, "killed": 1}
    rows = [
        _row(f"wandb:{project}/{run.id}", run.id, run.config, run.summary_metrics, states.get(run.state))
        for run in served(project)
    ]
    if not rows:
        raise InputError(f"{project}: the W&B project has no runs")
    return rows


def from_files(files: Sequence[Path]) -> list[dict[str, Any]]:
    """A row for every run that W&B recorded in `files` (run-<id>.wandb); its parts are put together in time.

    Raises:
        InputError: a file cannot be read.
    """
    files = sorted(files, key=_began)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        read = list(pool.map(_records, files))
    runs: dict[str, dict[str, Any]] = {}
    for path, records in zip(files, read, strict=True):
        for record in records:
            kind = record.get("type")
            if kind == "run":
                run = runs.setdefault(record["run"]["run_id"], {"config": {}, "summary": {}})
                run["config"] |= record["run"].get("config", {}).get("update", {})
                run |= {"exit": None, "path": path.parent}
            elif kind == "summary":
                run["summary"] |= record["summary"].get("update", {})
            elif kind == "exit":
                run["exit"] = record["exit"].get("exit_code", 0)
    return [_row(str(run["path"]), name, run["config"], run["summary"], run["exit"]) for name, run in runs.items()]


def _began(path: Path) -> tuple[str, str]:
    """When a part began, as the name of its folder says: offline-run-20261124_112942-<id>.

    Of two in one second, the later one's name goes on with -1.
    """
    found = re.search(r"run-(\d{8}_\d{6})", path.parent.name)
    return found[1] if found else "", path.parent.name


def _records(path: Path) -> list[dict[str, Any]]:
    command = [sys.executable, "-m", "wandb", "leet", "inspect", "--json", str(path.parent)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise InputError(f"{path}: cannot be read by `wandb leet inspect`: {one_line(done.stderr)[-200:]}")
    return list(_parsed(done.stdout.splitlines()))


def _parsed(lines: Sequence[str]) -> Iterator[dict[str, Any]]:
    for line in lines:
        record = json.loads(line)
        if isinstance(record, dict):
            yield record


def _row(
    directory: str, run_id: str, config: Mapping[str, Any], summary: Mapping[str, Any], exit_code: int | None
) -> dict[str, Any]:
    """One row of `collect`; a run counts as done when it ended well and has all results."""
    found, fault = measured(summary, "its summary in W&B") if exit_code == 0 else (dict(NOTHING), "")
    if exit_code is None:
        state, reason = "running", "W&B has seen no end of it: it is running, or was killed"
    elif exit_code:
        state, reason = "failed", "failed, as W&B has it"
    elif fault:
        state, reason = "unreadable", fault
    else:
        names = ", ".join(lacking(config, found["findings"]))
        state, reason = "done", f"its summary in W&B has no finding of {names}" if names else ""
    return {
        "run_id": one_line(run_id),
        "name": one_line(config.get("name") or run_id),
        "directory": directory,
        "state": state,
        "reason": reason,
        "command": "",
        **setting_columns(config),
        **found,
    }
