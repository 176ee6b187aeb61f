"""One training for all runs that differ in their evaluation alone.

`outputs/trained/<training id>.json` names the run that holds the model. A run finds it there, or trains.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from torch import nn

from hypo.architectures import weights
from hypo.runs.directory import RunDirectory
from hypo.runs.shared_files import made_once


def trained_once(model: nn.Module, directory: RunDirectory, training_id: str, train: Callable[[], None]) -> None:
    """Leave trained weights in `model`, and their file in `directory`: those of another run, where there are any.

    Args:
        model: as built from the run's settings.
        training_id: names all that decides the weights; of several runs that share it, the first to come trains
            and the others wait for it.
        train: trains, and leaves model.safetensors in `directory`.

    Raises:
        InputError: when the weights of the other run cannot be read.
        LockedError: when another process took over while this one trained.
    """
    runs, name = directory.path.parent, directory.path.name
    pointer = runs.parent / "trained" / f"{training_id}.json"

    def make() -> bytes:
        train()
        directory.check()
        return (json.dumps({"run": name}) + "\n").encode()

    def is_usable() -> bool:
        return (runs / _named_by(pointer) / "model.safetensors").exists()

    made_once(pointer, make, is_usable, name)
    if (other := _named_by(pointer)) != name:
        directory.adopt_training(runs / other)
    trained, _, _ = weights.read(directory.path / "model.safetensors")
    model.load_state_dict(trained)


def _named_by(pointer: Path) -> str:
    """The name of the run; one that is not there, where the file is not."""
    try:
        return Path(json.loads(pointer.read_text())["run"]).name
    except (OSError, ValueError, KeyError, TypeError):
        return "none"
