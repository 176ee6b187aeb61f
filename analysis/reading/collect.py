"""Run directories into one frame: a row a run, done or not, from text files alone.

Nothing here fails because one file is broken: the run becomes a row whose `reason` says what is wrong.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from analysis.escaping import one_line
from analysis.reading import wandb_runs
from analysis.reading.columns import FOUND, LEADING, METRICS, USAGE, ends
from analysis.reading.findings import lacking, quantities
from analysis.reading.measured import NOTHING, measured
from analysis.reading.row_cache import RowCache
from analysis.reading.setting_columns import setting_columns
from analysis.reading.sources import run_directories
from analysis.reading.usage import usage
from hypo.runs.sweep import Record
from hypo.settings.errors import InputError
from hypo.settings.identity import SCHEMA, how_to_update

if TYPE_CHECKING:
    import pandas

# The C parser is five times as fast, and a thousand configs take the Python one seven seconds.
_YamlLoader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def collect(outputs: str | Path | Sequence[str | Path], project: str | None = None) -> pandas.DataFrame:
    """Read the runs under one or several folders; see `sources.run_directories` for what a folder may be.

    A folder without run directories, but with files that W&B wrote offline, gives the runs in these. `project`,
    "entity/project", adds those of a W&B project.

    Columns:
        run_id, name, directory, command: str; `command` would run it again, "" where unknown.
        state: done, queued, running, interrupted, failed, missing (a sweep names it, it has no directory) or
            unreadable. reason: one line, "" for a run that is done and has a finding of all that its config
            asks to measure.
        dataset, training_data, arch, defense, norm, recipe, evaluation: the chosen options, str.
        lambda, epsilon: as typed, str ("" where there is none); lambda_value, epsilon_value: float or NaN.
        seed: nullable integer. measurement: what its config asks to measure, names between commas; two runs that
            differ in it alone are one experiment.
        settings, defense_settings: short hashes of everything else that was set, outside and inside the
            group `defense`; runs of which one differs are different experiments. "" if config.yaml is broken.
        <metric>, <metric>_lower, <metric>_upper: fractions in [0, 1] with their 95 % Wilson interval;
            NaN where there is no result, or nothing to condition on. First those of every run, then the shares of
            all findings, with their numbers, which have a column each, in their own units.
        peak_memory, peak_gpu_memory: bytes; gpu_utilisation: a share in [0, 1]; NaN where nothing is known
            (`usage.usage`).
        findings, searches: what else result.json says, as mappings (see `checked_findings`).
        <group>.<setting>: every single setting that entered one of the two hashes.

    A run that is found twice (the same run id in two copies) is one row, the copy that is done if one is.

    Raises:
        InputError: a folder is missing or holds no runs, or the project cannot be read.
    """
    import pandas

    sources = [outputs] if isinstance(outputs, (str, Path)) else outputs
    rows: dict[object, dict[str, Any]] = {}
    caches: dict[Path, RowCache] = {}
    found = chain.from_iterable(_read(Path(source), caches) for source in sources)
    for row in chain(found, [] if project is None else wandb_runs.from_project(project)):
        known = rows.get(row["run_id"])
        if known is None or known["state"] != "done":
            rows[row["run_id"]] = row
    for cache in caches.values():
        cache.save()
    found_by_measurements = quantities(row["findings"] for row in rows.values())
    numbers = [column for metric in METRICS for column in ends(metric)]
    numbers += [column for found in found_by_measurements.values() for column in found.columns]
    single = dict.fromkeys(key for row in rows.values() for key in row if "." in key)
    columns = [*LEADING, *numbers, *USAGE, *FOUND, *single]
    frame = pandas.DataFrame(list(rows.values()), columns=columns, dtype=object)
    floats = dict.fromkeys(["lambda_value", "epsilon_value", *numbers, *USAGE], "float64")
    return frame.astype({**floats, "seed": "Int64"})


def _read(source: Path, caches: dict[Path, RowCache]) -> Iterator[dict[str, Any]]:
    """The rows of one folder."""
    try:
        directories = run_directories(source)
    except InputError:
        files = list(source.rglob("*.wandb"))
        if not files:
            raise
        yield from wandb_runs.from_files(files)
        return
    for directory, planned in directories.items():
        folder = directory.parent
        if folder not in caches:
            caches[folder] = RowCache(folder)
        row = caches[folder].row(directory, partial(_read_run, directory, planned))
        if row["state"] == "missing":
            row["command"] = one_line(load(source / "sweep.json")[0].get("command"))
        yield row


def _read_run(directory: Path, planned: Record) -> dict[str, Any]:
    config, config_fault = load(directory / "config.yaml")
    status, status_fault = load(directory / "status.json")
    result, result_fault = load(directory / "result.json")
    columns = dict(NOTHING)
    begun = any((directory / name).exists() for name in ("status.json", "result.json"))
    if planned and not begun:
        config, status = dict(planned["config"]), {"command": planned["command"]}
        state, reason = "queued", "queued"
    elif not directory.is_dir():
        state, reason = "missing", "not submitted: it has no run directory"
    elif config_fault:
        state, reason = "unreadable", config_fault
    elif (directory / "result.json").exists():
        columns, fault = (columns, result_fault) if result_fault else measured(result)
        state, reason = ("unreadable", fault) if fault else ("done", _unmeasured(config, status, columns))
    elif status_fault:
        state, reason = "unreadable", status_fault
    else:
        state, reason = _unfinished(status)
    is_earlier, outputs = bool(how_to_update(config.get("schema"))), directory.parent.parent
    return {
        "run_id": one_line(config.get("run_id") or directory.name.rpartition("-")[2]),
        "name": one_line(config.get("name") or directory.name),
        "directory": str(directory),
        "state": state,
        "reason": reason,
        "command": one_line(status.get("command")) if not is_earlier else f"python -m hypo.migrate {outputs}",
        **setting_columns(config),
        **columns,
        **usage(status),
    }


def _unmeasured(config: Mapping[str, Any], status: Mapping[str, Any], columns: Mapping[str, Any]) -> str:
    """Why a run that has a result is without a finding that its config asks for; "" where it has them all."""
    names = lacking(config, columns["findings"])
    if not names:
        return ""
    why = "" if status.get("state") == "done" else f": {_unfinished(status)[1]}"
    return f"it has no finding of {', '.join(names)}{why}"


def load(path: Path) -> tuple[dict[str, Any], str]:
    """The mapping in a YAML or JSON file and what is wrong with it ("" if nothing)."""
    try:
        text = path.read_text("utf-8")
        if path.suffix == ".yaml":
            # By way of JSON: keys become text, dates too, and an alias to itself is refused.
            text = json.dumps(yaml.load(text, Loader=_YamlLoader), default=str)
        record = json.loads(text)
    except FileNotFoundError:
        return {}, f"{path.name} is missing"
    except (OSError, ValueError, TypeError, RecursionError, yaml.YAMLError) as error:
        remedy = "; move it away before the run is repeated" if path.name == "result.json" else ""
        return {}, one_line(f"{path.name} is unreadable: {error}{remedy}")
    if not isinstance(record, dict):
        return {}, f"{path.name} is unreadable: it holds no mapping"
    if (schema := record.get("schema")) != SCHEMA:
        said = f"written with schema {schema}, this version reads {SCHEMA}{how_to_update(schema)}"
        return record, one_line(said)
    return record, ""


def _is_gone(status: Mapping[str, Any]) -> bool:
    """Whether the run's process was on this machine and is no longer there."""
    pid = status.get("pid")
    if status.get("host") != socket.gethostname() or not isinstance(pid, int) or pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):  # no process has such a number
        return True
    except OSError:
        pass  # it is there, and somebody else's
    return False


def _unfinished(status: Mapping[str, Any]) -> tuple[str, str]:
    """State and readable reason of a run without a result."""
    state = status.get("state")
    epoch = one_line(f"epoch {status.get('epoch') or 0} of {status.get('epochs')}")
    if state == "queued":
        return "queued", "queued"
    if state == "running" and _is_gone(status):
        return "interrupted", f"stopped without a word at {epoch}"
    if state == "running":
        return "running", f"running, {epoch}, last sign of life {one_line(status.get('updated_at'))}"
    if state == "interrupted":
        return "interrupted", f"interrupted at {epoch}"
    if state == "failed":
        return "failed", f"failed: {one_line(status.get('reason')) or 'no reason was recorded'}"
    return "unreadable", one_line(f"status.json says {state}, but result.json is missing")
