"""`python -m benchmarks.training`: our training step against the textbook loop; and the digits sweep."""

from __future__ import annotations

import os
import statistics
import sys
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

from benchmarks import command_line, sweep, textbook
from benchmarks.checkpoints import build
from benchmarks.measuring import alternate_both, heading, most_operations, ratio
from benchmarks.passes import counting
from benchmarks.training_settings import Setting, settings
from hypo.attacks.searches.projected_gradient import ProjectedGradient
from hypo.attacks.threat_models.linf import Linf
from hypo.defenses.thrm import Thrm
from hypo.settings.randomness import generator
from hypo.training.augmentation import augment
from hypo.training.step import Steps
from hypo.training.work import Counting

SEED = 0
LAMBDA = 5.0
ATTACK = ProjectedGradient(steps=10)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; returns the exit code."""
    options = command_line.parser(
        "python -m benchmarks.training",
        "Our training step (data on the device, batched augmentation, no gradients that nobody needs, batch-norm"
        " folded in the attack, one CUDA graph) against the textbook loop (PIL images through a DataLoader,"
        " loss.backward() in the attack). Prints ratios.",
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
            limit = most_operations(device)
            print(
                f"Limit: {limit / 1e12:.3g} TFLOP/s, the best of a large matrix product and a large convolution."
            )
            for setting in settings(folder, chosen.quick, device):
                measure(setting, device, repetitions, limit)
        if chosen.sweep:
            sweep.measure(repetitions)

    return command_line.run(measure_all)


def measure(setting: Setting, device: torch.device, repetitions: int, limit: float) -> None:
    """Time both loops and print how they compare; `limit` is what `most_operations` found."""
    ours, textbook_loop = Ours(setting, device), _textbook(setting, device)
    with Counting() as theirs:
        passes = {"textbook": textbook_loop()}  # which warms up, too
    passes["ours"] = ours.counted()
    ours()
    candidates: dict[str, Callable[[], object]] = {"textbook": textbook_loop, "ours": ours}
    timings, on_cores = alternate_both(candidates, repetitions, device)
    images = setting.recipe.batch * setting.steps
    operations = ours.steps.operations * images
    rate = operations / statistics.median((on_cores if device.type == "cpu" else timings)["ours"])
    print(
        f"\n{setting.name}, ε = {setting.epsilon:.4g}, batch {setting.recipe.batch}, {setting.steps} steps a turn"
    )
    print(
        f"  textbook / ours: time {ratio(timings, 'textbook', 'ours')},"
        + (f" processor time {ratio(on_cores, 'textbook', 'ours')}," if device.type == "cpu" else "")
        + f" passes {passes['textbook'] / passes['ours']:.2f}×, operations {theirs.total / operations:.2f}×;"
        f" ours {rate / 1e12:.3g} TFLOP/s{' a core' if device.type == 'cpu' else ''},"
        f" {100 * rate / limit:.0f} % of the limit"
    )


class Ours:
    """Steps of our training, from shuffled indices to the optimizer, in a CUDA graph where there is one."""

    def __init__(self, setting: Setting, device: torch.device) -> None:
        recipe = setting.recipe
        self.setting = setting
        self.split = setting.data.train.to(device)
        self.model = build(setting.arch, setting.data, SEED).to(device).train()
        optimizer = recipe.build_optimizer(self.model)
        self.random, attacking = (generator(device, SEED, use) for use in ("benchmark", "attack"))
        self.plain, self.steps = (
            Steps(
                self.model,
                optimizer,
                Thrm(LAMBDA, ATTACK),
                Linf(setting.epsilon),
                attacking,
                bfloat16=recipe.precision == "bfloat16",
                in_graph=in_graph,
            )
            for in_graph in (False, True)
        )
        self.batches = self._batches()

    def __call__(self) -> None:
        """Take the setting's number of steps."""
        self._take(self.steps)

    def counted(self) -> int:
        """The same without a graph, in which nothing can be counted; returns the passes."""
        with counting(self.model) as passes:
            self._take(self.plain)
        return passes.total

    def _take(self, step: Steps) -> None:
        recipe = self.setting.recipe
        for _ in range(self.setting.steps):
            indices = next(self.batches)
            images = augment(self.split.images[indices], recipe.crop_padding, recipe.flip, self.random)
            step(images.float() / self.setting.data.maximum, self.split.labels[indices])

    def _batches(self) -> Iterator[Tensor]:
        """Shuffled indices, epoch after epoch without end, as those of the DataLoader."""
        batch, device = self.setting.recipe.batch, self.split.labels.device
        while True:
            order = torch.randperm(len(self.split), generator=self.random, device=device)
            yield from order[: len(self.split) // batch * batch].view(-1, batch)


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
