"""What runs share, under its name of today: who trained what, and the images that were crafted."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hypo.migrate.disk import replace
from hypo.settings.components import name_at
from hypo.settings.identity import SCHEMA, short_hash


def old_pointers(outputs: Path, trainings: Mapping[str, str]) -> dict[Path, Path]:
    """The files `trained/<training id>.json` of schema 1, and what each is to be called.

    Args:
        trainings: training ids by those of schema 1; files of other names are none of these.
    """
    folder = outputs / "trained"
    named = {folder / f"{earlier}.json": folder / f"{now}.json" for earlier, now in trainings.items()}
    return {path: to for path, to in named.items() if path.exists()}


def renew_pointer(path: Path, to: Path, names: Mapping[str, str]) -> None:
    """Let the pointer at `path` be at `to`, and name its run as that is called now; see `Plan.names`."""
    try:
        run = json.loads(path.read_text())["run"]
        content = json.dumps({"run": names.get(run, run)}) + "\n"
    except (ValueError, KeyError, TypeError):
        content = "{}\n"  # broken as it was: whoever comes first trains again
    replace(path, content.encode(), to)


def old_crafted(outputs: Path, trainings: Mapping[str, str]) -> tuple[dict[Path, Any], dict[Path, str]]:
    """The crafted sets of schema 1 with their settings as they are now, and why others have to stay.

    Args:
        trainings: training ids by those of schema 1.
    """
    from safetensors import SafetensorError, safe_open

    found: dict[Path, Any] = {}
    left: dict[Path, str] = {}
    for path in sorted((outputs / "crafted").glob("*.safetensors")):
        try:
            with safe_open(path, framework="pt") as file:
                settings = json.loads(file.metadata()["settings"])
            if settings["schema"] == SCHEMA:
                continue
            model = trainings.get(settings["model"])
        except (SafetensorError, OSError, ValueError, KeyError, TypeError):
            left[path] = "cannot be read; delete it, and it is made anew"
            continue
        if model is None:
            left[path] = "the run is not there on whose model it was crafted"
        else:
            found[path] = {**_by_name(settings), "schema": SCHEMA, "model": model}
    return found, left


def renew_crafted(path: Path, settings: Mapping[str, Any]) -> None:
    """Let a crafted set be called by the hash of its `settings` of today, so that nothing is crafted again."""
    from safetensors import safe_open
    from safetensors.torch import save

    with safe_open(path, framework="pt") as file:
        images = file.get_tensor("images")
    content = save({"images": images}, {"settings": json.dumps(settings, sort_keys=True)})
    kind = path.name.rpartition("-")[0]
    replace(path, content, path.with_name(f"{kind}-{short_hash(settings)}.safetensors"))


def _by_name(settings: Any) -> Any:
    """`settings` with classes of hypo called by their names, which schema 1 called by their paths."""
    if isinstance(settings, list):
        return [_by_name(item) for item in settings]
    if not isinstance(settings, Mapping):
        return settings
    found = {key: _by_name(value) for key, value in settings.items()}
    target = str(found.get("_target_", ""))
    return {**found, "_target_": name_at(target)} if target else found
