"""Something laid out like the project, to be copied and run from."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

PLUGIN = "launchers/plugins/hydra_plugins/hypo_launchers"
FILES = {
    "hypo/__init__.py": "",
    "hypo/errors.py": "class InputError(ValueError): ...\n",
    "hypo/removed.py": "",
    "hypo/long.py": "".join(f"line_{number} = {number}\n" for number in range(40)),
    "analysis/__init__.py": "",
    f"{PLUGIN}/__init__.py": "",
    f"{PLUGIN}/grid.py": "lambda_ = 5\n",
    "sweeps/digits.yaml": "lambda: 5\n",
    "logo.png": "\0one",
    ".gitignore": "/outputs/\n__pycache__/\n",
}


def write(root: Path, name: str, text: str) -> None:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_bytes(text.encode())


def git(root: Path, *arguments: str, **options: Any) -> str:
    who = ("-c", "user.name=Nobody", "-c", "user.email=nobody@example.org")
    command = ["git", "-C", str(root), *who, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, **options).stdout.strip()


def names(folder: Path) -> set[str]:
    """The files and links below a folder."""
    found = (path for path in folder.rglob("*") if path.is_symlink() or path.is_file())
    return {str(path.relative_to(folder)) for path in found}


def origin(copy: Path) -> dict[str, Any]:
    return json.loads((copy / ".snapshot.json").read_text())
