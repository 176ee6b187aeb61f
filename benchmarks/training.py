"""`python -m benchmarks.training`: our training step against the textbook loop; and the digits sweep."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from benchmarks import command_line, sweep, textbook
from benchmarks.checkpoints import build
from benchmarks.measuring import alternate, heading, ratio
from benchmarks.passes import counting
from hypo.architectures.mlp import Mlp
from hypo.architectures.normalised import Architecture
from hypo.architectures.resnet18 import Resnet18
from hypo.architectures.small_cnn import SmallCnn
from hypo.attacks.searches.projected_gradient import ProjectedGradient
from hypo.attacks.threat_models.linf import Linf
from hypo.datasets.digits import Digits
from hypo.datasets.images import ImageData
from hypo.defenses.thrm import Thrm
from hypo.settings.randomness import generator
from hypo.training.augmentation import augment
from hypo.training.step import train_step
from hypo.training.recipe import Recipe

SEED = 0
LAMBDA = 5.0
ATTACK = ProjectedGradient(steps=10)


@dataclass(frozen=True)
class Setting:
    """What is trained, and how many steps of it are timed at once."""

    name: str
    data: ImageData
    arch: Architecture
    recipe: Recipe
    epsilon: float
    steps: int


def settings(folder: ImageData | None, quick: bool) -> list[Setting]:
    """The digits, and where there is an image folder a narrow ResNet-18 on it."""
    digits = Digits().load()
    small = Recipe(epochs=1, batch=60, optimizer="adam", learning_rate=0.002)
    chosen = [Setting("digits, mlp", digits, Mlp(), small, 0.1, 2 if quick else 50)]
    if not quick:
        chosen.append(Setting("digits, small_cnn", digits, SmallCnn(), small, 0.1, 20))
    if folder is not None:
        large = Recipe(
            epochs=1, batch=128, optimizer="sgd", learning_rate=0.1, weight_decay=5e-4, crop_padding=4, flip=True
        )
        width, steps = (4, 1) if quick else (16, 2)
        name = f"image folder, resnet18 of width {width}, crop and flip"
        chosen.append(Setting(name, folder, Resnet18(width), large, 8 / 255, steps))
    return chosen


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; returns the exit code."""
    options = command_line.parser(
        "python -m benchmarks.training",
        "Our training step (data on the device, batched augmentation, no gradients that nobody needs) against"
        " the textbook loop (PIL images through a DataLoader, loss.backward() in the attack). Prints ratios.",
    )
    options.add_argument(
        "--sweep",
        action="store_true",
        help="also the digits sweep against a process a job; takes minutes a repetition",
    )
    chosen = options.parse_args(arguments)

    def measure_all() -> None:
        repetitions = command_line.repetitions(chosen.repetitions)
        devices = command_line.devices(chosen.device)
        folder = None if chosen.data is None else command_line.image_folder(chosen.data)
        for device in devices:
            print(heading(device, repetitions, SEED))
            print(
                f"THRM, λ = {LAMBDA:g}, inner attack PGD-{ATTACK.steps}, ℓ∞, steps of"
                f" {ATTACK.relative_step:g} ε, uniform start; loading, augmentation and optimizer step included."
                f" The DataLoader has {_workers(device)} workers."
            )
            for setting in settings(folder, chosen.quick):
                measure(setting, device, repetitions)
        if chosen.sweep:
            sweep.measure(repetitions)

    return command_line.run(measure_all)


def measure(setting: Setting, device: torch.device, repetitions: int) -> None:
    """Time both loops and print how they compare."""
    candidates = {"textbook": _textbook(setting, device), "ours": _ours(setting, device)}
    passes = {name: counted() for name, counted in candidates.items()}  # which warms up, too
    timings = alternate(candidates, repetitions, device)
    print(
        f"\n{setting.name}, ε = {setting.epsilon:.4g}, batch {setting.recipe.batch}, {setting.steps} steps a turn"
    )
    print(
        f"  textbook / ours: time {ratio(timings, 'textbook', 'ours')},"
        f" passes {passes['textbook'] / passes['ours']:.2f}×"
    )


def _ours(setting: Setting, device: torch.device) -> Callable[[], int]:
    recipe, split = setting.recipe, setting.data.train.to(device)
    model = build(setting.arch, setting.data, SEED).to(device).train()
    optimizer = recipe.build_optimizer(model)
    defense, threat_model = Thrm(LAMBDA, ATTACK), Linf(setting.epsilon)
    random = generator(device, SEED, "benchmark")

    def batches() -> Iterator[Tensor]:
        """Shuffled indices, epoch after epoch without end, as those of the DataLoader."""
        while True:
            order = torch.randperm(len(split), generator=random, device=device)
            yield from order[: len(split) // recipe.batch * recipe.batch].view(-1, recipe.batch)

    endless = batches()

    def steps() -> int:
        with counting(model) as passes:
            for _ in range(setting.steps):
                indices = next(endless)
                images = augment(split.images[indices], recipe.crop_padding, recipe.flip, random)
                images = images.float() / setting.data.maximum
                train_step(model, optimizer, images, split.labels[indices], defense, threat_model, random)
        return passes.total

    return steps


def _textbook(setting: Setting, device: torch.device) -> Callable[[], int]:
    model = build(setting.arch, setting.data, SEED).to(memory_format=torch.contiguous_format).to(device)
    optimizer = setting.recipe.build_optimizer(model)
    batches = textbook.batches(setting.data, setting.recipe, _workers(device))

    def steps() -> int:
        with counting(model) as passes:
            for _ in range(setting.steps):
                images, labels = next(batches)
                textbook.thrm_step(
                    model,
                    optimizer,
                    images.to(device),
                    labels.to(device),
                    epsilon=setting.epsilon,
                    lambda_=LAMBDA,
                    steps=ATTACK.steps,
                    step_size=ATTACK.relative_step * setting.epsilon,
                )
        return passes.total

    return steps


def _workers(device: torch.device) -> int:
    """None on a CPU, which is busy with the model; on a GPU as many as keep it from waiting, up to 4."""
    return 0 if device.type == "cpu" else min(4, os.cpu_count() or 1)


if __name__ == "__main__":
    sys.exit(main())
