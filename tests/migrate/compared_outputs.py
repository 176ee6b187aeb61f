"""What two outputs folders hold, so that they can be compared."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas
import torch
import yaml

NEW_IN_STATUS = "migrated_from"


def contents(outputs: Path) -> dict[str, Any]:
    """Every file by its path in `outputs`, with what it says where that can be told, else its bytes.

    A migrated run's status says what it was called, which a run of today does not.
    """
    return {name: _content(outputs / name, outputs) for name in files(outputs)}


def files(folder: Path) -> dict[str, bytes]:
    """Every file but locks by its path in `folder`."""
    found = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in found
        if not path.name.endswith("lock") and path.name not in (".analysis-rows.json", ".at_work")
    }


def _content(path: Path, outputs: Path) -> Any:
    if path.suffix == ".parquet":
        frame = pandas.read_parquet(path)
        return frame.to_dict("list"), list(map(str, frame.dtypes))
    if path.suffix == ".pt":
        return str(torch.load(path, weights_only=True))
    if path.suffix not in (".json", ".jsonl", ".yaml"):
        return path.read_bytes()
    text = path.read_text().replace(str(outputs), "outputs")
    if path.suffix == ".yaml":
        return yaml.safe_load(text)
    lines = [json.loads(line) for line in (text.splitlines() if path.suffix == ".jsonl" else [text])]
    return [
        {key: value for key, value in line.items() if key != NEW_IN_STATUS} if isinstance(line, dict) else line
        for line in lines
    ]
