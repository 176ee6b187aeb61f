"""Where a part of `python -m analysis` reads and writes, and in which format, as its options say."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from analysis.curves.drawing import FILE_TYPES, save
from analysis.files import make_folder, write_whole
from hypo.settings.errors import InputError

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def add_output(part: argparse.ArgumentParser, metavar: str, text: str) -> None:
    """Let `part` take -o."""
    part.add_argument("-o", dest="output", type=Path, metavar=metavar, help=text)


def folders(options: argparse.Namespace) -> list[Path]:
    """Those that were typed; without any the outputs here, or none where a W&B project is read."""
    return options.folders or ([] if options.from_wandb is not None else [Path("outputs")])


def chosen_format(options: argparse.Namespace, formats: Collection[str]) -> str:
    """The format that was asked for, or that the file's suffix stands for."""
    if options.format:
        return str(options.format)
    suffixes = {".tex" if form == "latex" else f".{form}": form for form in formats}
    if not options.output:
        return next(iter(suffixes.values()))
    suffix = options.output.suffix.lower()
    if suffix not in suffixes:
        *others, last = suffixes
        kinds = f"{', '.join(others)} or {last}"
        raise InputError(f"-o {options.output}: takes a file ending in {kinds}, or give --format")
    return suffixes[suffix]


def write(content: str | bytes, output: Path | None) -> None:
    """To the file `output`, whose name is printed, or to standard output."""
    if output:
        write_whole(output, content.encode() if isinstance(content, str) else content)
        print(output)
    elif isinstance(content, str):
        print(content, end="")
    else:
        sys.stdout.flush()
        sys.stdout.buffer.write(content)


def home(options: argparse.Namespace) -> Path:
    """Where figures go by default: the first folder, but never among the runs."""
    folder = (folders(options) or [Path()])[0].absolute()
    if folder.name == "runs":
        return folder.parent
    return folder.parent.parent if folder.parent.name == "runs" else folder


def figure_folder(options: argparse.Namespace) -> Path:
    """Where figures go, made if it is missing."""
    folder: Path = options.output or home(options)
    make_folder(folder)
    return folder


def save_figure(figure: Figure, folder: Path, name: str) -> None:
    """Save `figure` in `folder` in every file type, and print the files."""
    for suffix in FILE_TYPES:
        path = folder / f"{name}{suffix}"
        save(figure, path)
        print(path)
