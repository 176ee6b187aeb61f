"""What the audit is told on the command line."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from hypo.auditing.fitting import fitted
from hypo.auditing.sizes import size
from hypo.auditing.words import of_data, of_model, setting
from hypo.settings import checks
from hypo.settings.errors import InputError

PROGRAM = "python -m hypo.audit"

EXAMPLES = 1000
"""How many test examples are attacked where nothing else is asked for."""

_ABOUT = """\
Measure how far the predictions of a model can be trusted: how many of its right
ones an adversary can break, and how many of its mistakes a false friend can hide.
Nothing is trained, and nothing leaves this machine. A pickle that would run code is
refused; TorchScript, exported programs and module:callable are code, and are run.

MODEL is one of
  resnet50               a classifier of torchvision, with its weights
  model.pt, model.pt2    a TorchScript file, a program of torch.export
  weights.safetensors    weights, with --architecture package.module:callable
  FOLDER                 a model of Hugging Face, or a run directory of hypo

DATA is one of
  FOLDER                 class/file, or test/class/file beside train/class/file
  FOLDER, FILE.parquet   with the columns image and label
  digits, mnist, ...     a data set, whose files lie in --root
"""
_EXAMPLES = """\
examples:
  python -m hypo.audit resnet50 path/to/imagenet --examples 200
  python -m hypo.audit model.pt path/to/images --epsilon 4/255 --preprocessing imagenet
  python -m hypo.audit weights.safetensors cifar10 --root data --architecture my.models:net \\
      --mean 0.49,0.48,0.45 --std 0.25,0.24,0.26 --norm l2 --epsilon 0.5
  python -m hypo.audit outputs/runs/digits-mlp-... digits

Stopped with Ctrl-C, the same command goes on; typed again on an audit that is
done, it writes the page anew. Exit code: 0 when all is measured, 1 when something
failed, 2 for wrong input.
"""


class _Parser(argparse.ArgumentParser):
    """Wrong input is one line, as everywhere else."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong, and exit with 2."""
        message = message.replace("DATA, key=value", "DATA")  # of which argparse thinks that it is required too
        self.exit(2, f"error: {message} (--help shows what it takes)\n")


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The arguments as they were typed; exits with 2 where they are none, and with 0 after --help."""
    parser = _Parser(
        PROGRAM,
        description=_ABOUT,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("model", metavar="MODEL")
    parser.add_argument("data", metavar="DATA")
    parser.add_argument("settings", metavar="key=value", nargs="*", help="further settings, as of hypo.run")
    add = parser.add_argument
    add("--root", metavar="FOLDER", help="where the files of the data set lie")
    add("--architecture", metavar="module:callable", help="what makes the network that the weights are of")
    add("--norm", help="linf (the default) or l2: how the size of a perturbation is measured")
    add("--epsilon", metavar="SIZE", help="how large it may be, of images in [0, 1]; the data set's default")
    add("--preprocessing", metavar="NAME", help="what the model expects to be done with images in [0, 1]")
    add("--mean", metavar="M,M,M", help="what it expects to be subtracted from each channel of them")
    add("--std", metavar="S,S,S", help="by what it expects each channel to be divided then")
    add("--outputs", help="logits (the default) or probabilities: what the model returns")
    add("--examples", metavar="N", default=f"{EXAMPLES}", help="how many test images, or all; %(default)s")
    add("--output-dir", metavar="FOLDER", help="where runs lie (default: outputs)")
    add("--page", metavar="FILE", help="where the page goes (default: audit.html in the run directory)")
    return parser.parse_intermixed_args(arguments)


def words(options: argparse.Namespace) -> list[str]:
    """The settings that `options` stand for, each `key=value`, as `python -m hypo.run` takes them.

    Raises:
        InputError: for what cannot be used.
    """
    for word in options.settings:
        if "=" not in word:
            raise InputError(f"{word}: takes MODEL DATA and then key=value, got one more word")
    chosen = [*of_model(options.model, options.architecture), *of_data(options.data, options.root)]
    if "arch=foreign" not in chosen:
        for name in ("preprocessing", "mean", "std", "outputs"):
            if getattr(options, name) is not None:
                takes = "a model that brings no preprocessing of its own"
                raise InputError(f"--{name}: takes {takes}, got {options.model}, which does")
    typed = {key.lstrip("+"): value for key, _, value in (word.partition("=") for word in options.settings)}
    chosen += fitted(options.model, options.data, chosen, typed, options.preprocessing)
    if options.norm is not None:
        chosen.append(f"threat_model={checks.choice('--norm', options.norm, ('linf', 'l2'))}")
    if options.epsilon is not None:
        size("--epsilon", options.epsilon, options.norm != "l2" and "threat_model" not in typed)
        chosen.append(f"epsilon={options.epsilon}")
    if options.examples != "all":
        chosen.append(f"evaluation.test_limit={checks.integer('--examples', options.examples, at_least=1)}")
    if (options.mean is None) != (options.std is None):
        raise InputError("--mean: goes with --std, and --std with --mean; one of them is missing")
    if options.mean is not None:
        if options.preprocessing is not None:
            raise InputError("--preprocessing: takes the place of --mean and --std, got all of them")
        chosen += [_numbers("mean", options.mean), _numbers("std", options.std)]
    if options.outputs is not None:
        chosen.append(f"arch.outputs={checks.choice('--outputs', options.outputs, ('logits', 'probabilities'))}")
    if options.output_dir is not None:
        chosen.append(setting("output_dir", options.output_dir))
    return [*chosen, *options.settings]


def page(options: argparse.Namespace) -> Path | None:
    """Where the page is wanted, or None; InputError when it can never lie there."""
    if options.page is None:
        return None
    file = Path(options.page).expanduser()
    if file.is_dir():
        raise InputError(f"--page: takes a file, got {options.page}, a folder")
    there = next(parent for parent in file.absolute().parents if parent.exists())
    if not (there.is_dir() and os.access(there, os.W_OK)):
        raise InputError(f"--page: takes a file in a folder that can be made, got {options.page}")
    return file


def _numbers(key: str, text: str) -> str:
    """One number a channel, which were typed with commas between them."""
    values = [checks.number(f"--{key}", value.strip()) for value in text.split(",")]
    return setting(f"arch.{key}", values)
