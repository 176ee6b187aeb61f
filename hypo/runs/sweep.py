"""What a sweep leaves on disk beside its runs, readable without loading what they train with.

`outputs/sweeps/<sweep id>/sweep.json` says which runs belong together and what was typed; `runs.jsonl` has a
line for each run, with the config frozen as it was composed, so that a run that has not started yet is known
too. Two files, however many runs there are.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from hypo.runs.atomic import write_atomically
from hypo.settings.errors import InputError
from hypo.settings.identity import SCHEMA, how_to_update

Record = Mapping[str, Any]
"""A planned run: `directory` (its name), `config`, `command` and what is `measured`; see `Job.record`."""

AT_WORK = ".at_work"
"""A lock held by a process that goes through the sweep's runs one by one."""


def write(directory: Path, command: str, records: Sequence[Record], prerequisites: Sequence[Record] = ()) -> None:
    """Write down a sweep that was composed and checked, and make the folder where its runs will lie.

    Args:
        records: the runs that were asked for.
        prerequisites: the runs that these need first, and that were not asked for.

    Raises:
        InputError: when the folder cannot be written.
    """
    content = {
        "schema": SCHEMA,
        "sweep_id": directory.name,
        "command": command,
        "runs": [record["directory"] for record in records],
    }
    try:
        directory.mkdir(parents=True, exist_ok=True)
        (directory.parent.parent / "runs").mkdir(exist_ok=True)
        write_records(directory / "runs.jsonl", [*prerequisites, *records])
        write_atomically(directory / "sweep.json", (json.dumps(content, indent=2) + "\n").encode())
    except OSError as error:
        raise InputError(f"output_dir: cannot write {directory}: {error.strerror or error}") from None


def read(directory: Path) -> dict[str, Any]:
    """sweep.json.

    Raises:
        InputError: when it is not there, broken, or of another schema version.
    """
    path = directory / "sweep.json"
    try:
        content = json.loads(path.read_text("utf-8"))
        schema = content["schema"]
        content["runs"] = [Path(name).name for name in content["runs"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} is unreadable: {error}") from error
    if schema != SCHEMA:
        raise InputError(
            f"{path} was written with schema {schema}, this version reads {SCHEMA}{how_to_update(schema)}"
        )
    return dict(content)


def records(directory: Path) -> dict[str, Record]:
    """The planned runs of a sweep by the name of their directory; none where runs.jsonl is missing or broken."""
    try:
        found = list(read_records(directory / "runs.jsonl"))
        well_formed = all(isinstance(record["config"], dict) and "command" in record for record in found)
        return {Path(record["directory"]).name: record for record in found} if well_formed else {}
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return {}


def write_records(path: Path, items: Sequence[Any]) -> None:
    """Write one line of JSON for each item."""
    lines = bytearray()  # the only thing of its size that is in memory meanwhile
    for item in items:
        lines += json.dumps(item, ensure_ascii=False).encode() + b"\n"
    write_atomically(path, memoryview(lines))


def read_records(path: Path) -> Iterator[Any]:
    """The items of a file that `write_records` wrote, each when it is asked for."""
    with path.open(encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)
