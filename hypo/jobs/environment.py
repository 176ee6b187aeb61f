"""What a run was computed with."""

from __future__ import annotations

import json
import platform
import subprocess
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

import hypo

_PACKAGES = ("torch", "torchvision", "numpy", "hydra-core", "omegaconf", "wandb", "safetensors", "pandas")


def environment(device: torch.device) -> dict[str, Any]:
    """Versions, hardware and code state; nothing of the environment's variables."""
    return {
        "hypo": hypo.__version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": _versions(),
        "device": str(device),
        "device_name": torch.cuda.get_device_name(device) if device.type == "cuda" else platform.machine(),
        "cuda": torch.version.cuda,
        "threads_at_most": torch.get_num_threads(),
        **_code(),
    }


@lru_cache(maxsize=1)
def _versions() -> dict[str, str | None]:
    def installed(package: str) -> str | None:
        try:
            return version(package)
        except PackageNotFoundError:
            return None

    return {package: installed(package) for package in _PACKAGES}


@lru_cache(maxsize=1)
def _code() -> dict[str, Any]:
    """Commit of the code and whether the working tree differs from it; None for both outside a checkout.

    A snapshot of the code says it of where it was taken, and with it the difference.
    """
    root = Path(hypo.__file__).parent.parent
    if (root / ".snapshot.json").exists():
        origin = json.loads((root / ".snapshot.json").read_text())
        return {"snapshot": True, **{key: origin[key] for key in ("commit", "dirty", "diff", "untracked")}}

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(root), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()

    try:
        if Path(git("rev-parse", "--show-toplevel")) != root.resolve():
            return {"commit": None, "dirty": None}
        return {"commit": git("rev-parse", "HEAD"), "dirty": bool(git("status", "--porcelain"))}
    except (OSError, subprocess.SubprocessError):
        return {"commit": None, "dirty": None}
