"""How images are normalised before a model that says nothing of it: as it was told, or tried out and asked for."""

from __future__ import annotations

import sys

import torch

from hypo.architectures.preprocessing import Fits, Preprocessing, candidates, likely_preprocessing
from hypo.architectures.preprocessing import tried as how_many
from hypo.attacks.model_state import attacked
from hypo.auditing.words import setting
from hypo.jobs.experiment import Experiment
from hypo.jobs.loaded import loaded
from hypo.settings import checks
from hypo.settings.device import resolve
from hypo.settings.errors import InputError

NAMES = {
    "none": "[0, 1]",
    "symmetric": "[-1, 1]",
    "bytes": "[0, 255]",
    "imagenet": "ImageNet's mean and std",
    "cifar10": "CIFAR-10's mean and std",
    "mnist": "MNIST's mean and std",
}
"""What each of `candidates` is called on the command line."""


def named(name: str, channels: int) -> list[str]:
    """The settings of the preprocessing of that name for images of so many channels.

    Raises:
        InputError: when there is none.
    """
    called = NAMES[checks.choice("--preprocessing", name, tuple(NAMES))]
    known = {each.name: each for count in (channels, 3, 1) for each in candidates(count)}
    fitting = {each.name: each for each in candidates(channels)}
    return settings(fitting.get(called, known[called]))


def settings(preprocessing: Preprocessing) -> list[str]:
    """What sets it."""
    return [setting("arch.mean", preprocessing.mean), setting("arch.std", preprocessing.std)]


def tried(experiment: Experiment) -> Fits:
    """How often the experiment's model is right about some test images under each of the usual ways."""
    data, device = loaded(experiment.dataset), resolve(experiment.device)
    model = experiment.build_model(data).to(device)
    test, _ = data.test.limited(how_many(data.shape))
    images = test.images[:].to(device).float() / data.maximum
    with attacked(model), torch.no_grad():
        return likely_preprocessing(model, images, test.labels.to(device), experiment.evaluation.batch)


def asked(fits: Fits) -> list[str]:
    """The settings of what the user chooses on a terminal, where the answer matters; none where it does not.

    Raises:
        InputError: where there is nobody to ask, with what was measured and what to pass.
    """
    if not fits.question:
        return []
    counts = {_short(each): int(right.sum()) for each, right in fits.correct.items()}
    order = sorted(counts, key=lambda name: -counts[name])
    n = len(next(iter(fits.correct.values())))
    told = ", ".join(f"{counts[name]} with {name}" for name in order)
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise InputError(
            f"--preprocessing: must be given, for how images are normalised before this model is not known; of {n}"
            f" images it is right about {told}; pass --preprocessing {order[0]}"
        )
    print(f"How are images normalised before this model? Of {n} images it is right about {told}.")
    while True:
        answer = input(f"One of {', '.join(order)} [{order[0]}]: ").strip() or order[0]
        if answer in counts:
            return settings(next(each for each in fits.correct if _short(each) == answer))
        print(f"There is no {answer}.")


def _short(preprocessing: Preprocessing) -> str:
    return next(short for short, name in NAMES.items() if name == preprocessing.name)
