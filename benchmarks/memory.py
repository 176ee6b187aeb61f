"""`python -m benchmarks.memory`: the most memory that training takes, beside what it cannot do without."""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.checkpoints import build
from hypo.architectures.resnet18 import Resnet18
from hypo.attacks.searches.projected_gradient import ProjectedGradient
from hypo.attacks.threat_models.linf import Linf
from hypo.attacks.threat_models.threat_model import ThreatModel
from hypo.datasets.images import ImageData, Split, split_from_rows
from hypo.defenses.defense import Loss
from hypo.defenses.thrm import Thrm
from hypo.training.loop import train
from hypo.training.recipe import Recipe

STEPS = 3
WIDTH = 16
BATCH = 128
HELD_OUT = 1_000
THRM = Thrm(5.0, ProjectedGradient(steps=1))

NEEDS = {
    "imported": "Python and its packages",
    "data": "the images, 8 bits each, and labels",
    "model": "weights, statistics, gradients and momentum",
    "activations": "what the way back needs of the clean and the perturbed batch",
}
"""What training cannot do without."""


@dataclass(frozen=True)
class Size:
    """That of a data set: how many training images of how many pixels to a side, in three colours."""

    images: int
    side: int


SIZES = {"CIFAR-10": Size(50_000, 32), "Tiny-ImageNet": Size(100_000, 64)}
SMALL = {"small": Size(2_000, 8)}


class _EnoughError(Exception):
    """All steps are taken."""


class _FewSteps:
    """THRM for some steps."""

    def __init__(self) -> None:
        self.left = STEPS

    def loss(
        self, model: nn.Module, images: Tensor, labels: Tensor, threat_model: ThreatModel, random: torch.Generator
    ) -> Loss:
        """See `Defense.loss`."""
        if not self.left:
            raise _EnoughError
        self.left -= 1
        return THRM.loss(model, images, labels, threat_model, random)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; returns the exit code."""
    options = argparse.ArgumentParser(
        prog="python -m benchmarks.memory",
        description="The peak of resident memory while a ResNet-18 is trained on as many made images as CIFAR-10"
        " and Tiny-ImageNet have, each in a process of its own, beside the parts that it cannot do without.",
    )
    options.add_argument("--quick", action="store_true", help="the smallest setting: does it still run?")
    options.add_argument("--one", nargs=2, help=argparse.SUPPRESS)  # the process of its own
    chosen = options.parse_args(arguments)
    sizes = SMALL if chosen.quick else SIZES
    if chosen.one:
        name, held_out = chosen.one
        print(json.dumps(measured((SMALL | SIZES)[name], int(held_out))))
        return 0
    print(
        f"ResNet-18 of width {WIDTH}, THRM, batch {BATCH}, crop and flip, {STEPS} steps on the CPU; in MB (10⁶)."
    )
    print("What it needs: " + "; ".join(NEEDS.values()) + ".")
    for name, size in sizes.items():
        for held_out in (0, HELD_OUT):
            command = [sys.executable, "-m", "benchmarks.memory", "--one", name, str(held_out)]
            found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
            needed = sum(found[part] for part in NEEDS)
            parts = " + ".join(f"{found[part] / 1e6:,.0f}" for part in NEEDS)
            also = f", {held_out:,} held out" if held_out else ""
            print(
                f"{name}, {size.images:,} images of {size.side}x{size.side}{also}:"
                f" peak {found['peak'] / 1e6:,.0f}, needed {needed / 1e6:,.0f} ({parts});"
                f" {found['peak'] / needed:.2f}×"
            )
    return 0


def measured(size: Size, held_out: int) -> dict[str, int]:
    """The `NEEDS` and the peak of a training on so many images in this process, in bytes."""
    found = {"imported": _peak()}
    rows = np.random.default_rng(0).integers(256, size=(size.images, size.side, size.side, 3), dtype=np.uint8)
    split = split_from_rows(rows, np.arange(size.images) % 10)
    found["data"] = split.images[:].nbytes + split.labels.nbytes
    test = Split(split.images[:0], split.labels[:0])
    data = ImageData(split, test, tuple("0123456789"), 255, mean=(0.5,) * 3, std=(0.25,) * 3)
    model = build(Resnet18(WIDTH), data, 0)
    parameters = sum(parameter.nbytes for parameter in model.parameters())
    found["model"] = 3 * parameters + sum(buffer.nbytes for buffer in model.buffers())
    recipe = Recipe(
        epochs=1,
        batch=BATCH,
        optimizer="sgd",
        learning_rate=0.1,
        crop_padding=4,
        flip=True,
        hold_out=held_out,
        keep="best" if held_out else "last",
    )
    with suppress(_EnoughError):
        train(model, data.train, data.maximum, _FewSteps(), Linf(8 / 255), recipe, 0)
    found["peak"] = _peak()
    found["activations"] = 2 * _kept(model, split.images[:BATCH].float() / data.maximum)
    return found


def _peak() -> int:
    """The most resident memory that this process has had, in bytes."""
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _kept(model: nn.Module, images: Tensor) -> int:
    """How many bytes one pass through `model` keeps for the way back, its weights apart."""
    own = {tensor.untyped_storage().data_ptr() for tensor in (*model.parameters(), *model.buffers())}
    storages: dict[int, int] = {}

    def note(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            storages[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        kept = model.train()(images)
    assert kept.requires_grad  # and so all that was noted is still there
    return sum(storages.values())


if __name__ == "__main__":
    sys.exit(main())
