"""A run directory's config.yaml and status.json, written and read without loading what the run trains with.

config.yaml is frozen when the run begins. status.json says what it is doing.

Its keys: state (queued, running, interrupted, failed, done), reason and cause where it is not well, epoch of
epochs and its images_per_second, host and pid, the times, `attempts` with one entry an attempt, and after a
failure `log`, the last lines of the run's log.txt, and `traceback` where there is one. The `usage` of an attempt
is what it has used of the machine as of its last epoch, or its end (`hypo.jobs.usage.Meter.so_far`). Of an audit
`typed` is the command that was typed, and `typed_in` the folder.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import yaml

from hypo.runs.atomic import write_atomically
from hypo.runs.outcome import Outcome
from hypo.settings.errors import InputError
from hypo.settings.identity import SCHEMA

_LOG_LINES = 20
_LOG_BYTES = 4000


def create(directory: Path, config: Mapping[str, Any], command: str) -> None:
    """Make a run directory with config.yaml and a status "queued", where there is none yet.

    Raises:
        InputError: when it cannot be written.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        if not (directory / "config.yaml").exists():
            write_config(directory, config)
        if not (directory / "status.json").exists():
            update(directory, {"state": "queued", "reason": None, "command": command, "queued_at": now()})
    except OSError as error:
        raise InputError(f"output_dir: cannot write {directory}: {error.strerror or error}") from None


def write_config(directory: Path, config: Mapping[str, Any], may_write: Callable[[], None] = lambda: None) -> None:
    """Write config.yaml. See `write_atomically` on `may_write`."""
    text = yaml.safe_dump(dict(config), sort_keys=False, allow_unicode=True)
    write_atomically(directory / "config.yaml", text.encode(), may_write=may_write)


def read(directory: Path) -> dict[str, Any]:
    """status.json, or an empty one where there is none that can be read."""
    try:
        status = json.loads((directory / "status.json").read_text())
    except (OSError, ValueError):
        return {}
    return status if isinstance(status, dict) else {}


def update(directory: Path, changes: Mapping[str, Any], may_write: Callable[[], None] = lambda: None) -> None:
    """Change entries of status.json; the time is noted as `updated_at`. See `write_atomically` on `may_write`."""
    status = {"schema": SCHEMA, **read(directory), **changes, "updated_at": now()}
    write_atomically(directory / "status.json", to_json(status), durable=False, may_write=may_write)


def of_earlier_version(runs: Path) -> str:
    """A line for who is about to repeat runs that an earlier version left in the folder `runs`; "" for none."""
    first_lines = (_first_line(path / "config.yaml") for path in (runs.iterdir() if runs.is_dir() else ()))
    earlier = {f"schema: {schema}" for schema in range(1, SCHEMA)}
    if not any(line in earlier for line in first_lines):
        return ""
    command = f"python -m hypo.migrate {runs.parent}"
    return f"{runs} has runs of an earlier version, which do not count; {command} brings them up to date"


def _first_line(path: Path) -> str:
    """Without its end; "" where it cannot be read."""
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return file.readline(100).rstrip()
    except OSError:
        return ""


def unmeasured(result: Mapping[str, Any], measured: Mapping[str, Any]) -> list[str]:
    """The names of the measurements that the content of a result.json does not have, or has with other settings.

    Args:
        measured: the settings of each, as `Job.record` has them.
    """
    found = result.get("findings", {})
    return [name for name, settings in measured.items() if found.get(name, {}).get("settings") != settings]


def has_result(directory: Path, record: Mapping[str, Any]) -> bool:
    """Whether the planned run of `record` has a result with all that is measured; false where it is broken."""
    try:
        result = json.loads((directory / "result.json").read_text())
        return not unmeasured(result, record.get("measured", {}))
    except (OSError, ValueError, AttributeError):
        return False


def ended(directory: Path, outcome: Outcome, usage: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """What changes in status.json when the attempt that it says is running ends so.

    Without `usage` what was last said of it stays.
    """
    how = {"cause": outcome.cause, "reason": outcome.reason}
    attempts = list(read(directory).get("attempts", []))
    if attempts and "ended_at" not in attempts[-1]:
        attempts[-1] |= {"ended_at": now(), "outcome": outcome.state, **how}
        attempts[-1] |= {"usage": dict(usage)} if usage else {}
    log = [] if outcome.state == "done" else last_lines(directory / "log.txt")
    return {"state": outcome.state, **how, "log": log, "finished_at": now(), "attempts": attempts}


def last_lines(log: Path) -> list[str]:
    """The end of a log; empty where there is none."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - _LOG_BYTES))
            return file.read().decode(errors="replace").splitlines()[-_LOG_LINES:]
    except OSError:
        return []


def now() -> str:
    """The time as ISO 8601 in UTC, to the second."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def to_json(content: Mapping[str, Any]) -> bytes:
    """Indented JSON, in which null stands for nan and the infinities, which JSON does not know."""
    return (json.dumps(_finite(content), indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
