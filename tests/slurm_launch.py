"""Type sweeps for Slurm in an empty folder, and see what that leaves on disk."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from typed_command import Typed


@dataclass(frozen=True)
class Launch:
    """`python -m hypo.run -m hydra/launcher=slurm` in `folder`, which is the current one."""

    folder: Path
    type: Callable[..., Typed]

    def __call__(self, *arguments: str) -> Typed:
        return self.type("-m", "hydra/launcher=slurm", *arguments)

    @property
    def files(self) -> list[Path]:
        """All there are, folders left out."""
        return sorted(path for path in self.folder.rglob("*") if not path.is_dir())

    @property
    def names(self) -> list[str]:
        """The runs of the only sweep."""
        (path,) = self.folder.glob("outputs/sweeps/*/runs.jsonl")
        return [json.loads(line)["directory"] for line in path.read_text().splitlines()]

    @property
    def submission(self) -> tuple[Path, dict[str, Any]]:
        """The folder of the only submission, and its record."""
        (path,) = self.folder.glob("outputs/sweeps/*/submissions/*/submission.json")
        return path.parent, json.loads(path.read_text())

    def directory(self, number: int) -> Path:
        """That of one of the runs of the only sweep."""
        return self.folder / "outputs" / "runs" / self.names[number]
