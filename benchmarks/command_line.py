"""The options that both benchmarks share."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

import torch

from hypo.datasets.image_folder import ImageFolder
from hypo.datasets.images import ImageData
from hypo.settings import checks
from hypo.settings.device import resolve
from hypo.settings.errors import InputError


def parser(program: str, description: str) -> argparse.ArgumentParser:
    """A parser with the shared options."""
    options = argparse.ArgumentParser(prog=program, description=description)
    options.add_argument("--repetitions", default="3", help="how often everything is timed (default: 3)")
    options.add_argument("--device", help="cpu, cuda, cuda:1 (default: the CPU, then CUDA where there is one)")
    options.add_argument(
        "--data", metavar="ROOT", help="measure a ResNet-18 on this image folder (split/class/file) as well"
    )
    options.add_argument("--quick", action="store_true", help="the smallest setting: does it still run?")
    return options


def devices(name: str | None) -> list[torch.device]:
    """The device of that name; without one the CPU and, where there is one, the first CUDA device."""
    if name is not None:
        return [resolve(name)]
    return [torch.device("cpu")] + ([torch.device("cuda")] if torch.cuda.is_available() else [])


def repetitions(value: str) -> int:
    """How often to repeat, >= 1."""
    return checks.integer("--repetitions", value, at_least=1)


def image_folder(root: str) -> ImageData:
    """The images below `root`; what is wrong with them is said of `--data`."""
    try:
        return ImageFolder(root).load()
    except InputError as error:
        raise InputError(f"--data: {error}") from None


def run(main: Callable[[], None]) -> int:
    """Call `main`; what the user can mend becomes one line, and the exit code."""
    try:
        main()
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    return 0
