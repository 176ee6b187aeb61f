"""A copy of the code as it is now, for jobs that run later."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import hypo
from hypo.settings.errors import InputError

_PACKAGES = ("hypo", "analysis", "launchers", "hydra_plugins/hypo_launchers")
_HEAVIEST = 20_000_000  # bytes of untracked files: more than anybody types, so a data set or results


def take(destination: Path, output: Path) -> list[str]:
    """Copy the code that is imported now to `destination`, which is whole or not there.

    From a git checkout these are the tracked files as they are in the working tree and the untracked ones that
    git does not ignore, symbolic links as links; a repository inside the checkout is not copied. Elsewhere, as
    with an installed package, it is hypo, analysis and launchers. `destination/.snapshot.json` says what was
    copied: `commit`, `dirty`, `diff` (from the commit, binary files by name) and the names of the `untracked`
    files, all null outside git.

    Args:
        destination: a folder that is not there yet.
        output: the output folder, of which nothing is copied.

    Returns:
        What has to stand first on PYTHONPATH for the copy to be imported.

    Raises:
        InputError: when git cannot read the checkout, when the untracked files weigh more than 20 MB together,
            or when the copy cannot be written there or not be imported from there.
    """
    root = Path(hypo.__file__).parent.parent.resolve()
    destination, output = destination.resolve(), output.resolve()
    if output == root:
        raise InputError(f"output_dir: with hydra.launcher.snapshot takes a folder beside the code, got {output}")
    if os.pathsep in str(destination):
        raise InputError(
            f"output_dir: with hydra.launcher.snapshot takes a path without {os.pathsep!r}, got {output}"
        )
    files, origin = _checkout(root, output) if (root / ".git").exists() else _installed(root, output)
    try:
        _copy(root, files, origin, destination)
    except OSError as error:
        raise InputError(f"hydra.launcher.snapshot: cannot copy {root} to {destination}: {error}") from None
    plugins = destination / "launchers/plugins"  # in a wheel they lie beside hypo
    return [str(destination), *([str(plugins)] if (plugins / "hydra_plugins").is_dir() else [])]


def _checkout(root: Path, output: Path) -> tuple[list[str], dict[str, Any]]:
    """What to copy, as paths below `root`, and what it differs in from the commit."""
    tracked = _own(root, output, _names(root, "--cached"))
    untracked = _own(root, output, _names(root, "--others", "--exclude-standard"))
    weights = {name: (root / name).lstat().st_size for name in untracked}
    if sum(weights.values()) > _HEAVIEST:
        raise InputError(
            f"hydra.launcher.snapshot: takes at most {_HEAVIEST // 10**6} MB of untracked files, got "
            f"{sum(weights.values()) // 10**6} MB, most of it in {max(weights, key=weights.__getitem__)}; "
            "name in .gitignore what is not code"
        )
    # However the user has configured diffs, this is one that `git apply` takes.
    plain = ("--no-ext-diff", "--no-textconv", "--no-color", "--unified=3", "--src-prefix=a/", "--dst-prefix=b/")
    diff = _git(root, "diff", *plain, "HEAD").decode(errors="replace")
    return [*tracked, *untracked], {
        "commit": _git(root, "rev-parse", "HEAD").decode().strip(),
        "dirty": bool(diff or untracked),
        "diff": diff,
        "untracked": [os.fsencode(name).decode(errors="replace") for name in untracked],
    }


def _installed(root: Path, output: Path) -> tuple[list[str], dict[str, Any]]:
    """The same where there is no git."""
    found = (path.relative_to(root) for package in _PACKAGES for path in (root / package).rglob("*"))
    names = (str(path) for path in found if "__pycache__" not in path.parts)
    return _own(root, output, names), dict.fromkeys(("commit", "dirty", "diff", "untracked"))


def _own(root: Path, output: Path, names: Iterable[str]) -> list[str]:
    """Of `names`, the files and links that are there, in `root` itself, and not in the output folder."""

    def is_own(path: Path) -> bool:
        # A folder may have given way to a link since its files were added to git: these are elsewhere now.
        in_root = path.parent.resolve() == path.parent
        in_output = path.is_relative_to(output) and not root.is_relative_to(output)
        return (path.is_symlink() or path.is_file()) and in_root and not in_output

    return sorted(name for name in set(names) if is_own(root / name))


def _names(root: Path, *which: str) -> list[str]:
    return [os.fsdecode(name) for name in _git(root, "ls-files", "-z", *which).split(b"\0") if name]


def _git(root: Path, *arguments: str) -> bytes:
    try:
        return subprocess.run(
            ["git", "-C", str(root), *arguments], capture_output=True, check=True, timeout=100
        ).stdout
    except (OSError, subprocess.SubprocessError) as error:
        said = error.stderr.decode(errors="replace") if isinstance(error, subprocess.CalledProcessError) else error
        raise InputError(
            f"hydra.launcher.snapshot: git cannot read the checkout {root}: {' '.join(str(said).split())}"
        ) from None


def _copy(root: Path, names: Iterable[str], origin: dict[str, Any], destination: Path) -> None:
    """Copy to a folder beside `destination` and rename it."""
    beside = destination.with_name(f".{destination.name}.{socket.gethostname()}.{os.getpid()}")
    beside.mkdir(parents=True)
    try:
        for name in names:
            (beside / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(root / name, beside / name, follow_symlinks=False)
        (beside / ".snapshot.json").write_text(json.dumps(origin, indent=2) + "\n")
        beside.rename(destination)
    except BaseException:
        shutil.rmtree(beside, ignore_errors=True)
        raise
