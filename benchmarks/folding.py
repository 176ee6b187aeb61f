"""`python -m benchmarks.folding`: whether folded batch-norm decides as the model itself does, and how soon."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import torch
from torch import nn

from benchmarks import command_line
from benchmarks.checkpoints import Setting, settings
from benchmarks.measuring import alternate_both, heading, ratio
from benchmarks.training_settings import made
from hypo.architectures.resnet18 import Resnet18
from hypo.architectures.wide_resnet import WideResnet
from hypo.attacks.folded import NORMS
from hypo.attacks.searches.projected_gradient import ProjectedGradient
from hypo.attacks.threat_models.linf import Linf
from hypo.measurements.evaluation import Evaluation, evaluate
from hypo.measurements.risks import Flags

SEED = 0
NAMES = ("correct", "adv", "hyp", "sta")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; returns the exit code."""
    options = command_line.parser(
        "python -m benchmarks.folding",
        "The evaluation of models with batch-norm, folded and not: flags that differ, and ratios of time.",
    )
    chosen = options.parse_args(arguments)

    def measure_all() -> None:
        repetitions = command_line.repetitions(chosen.repetitions)
        devices = command_line.devices(chosen.device)
        quick = chosen.quick or chosen.data is None
        folder = made(100, 8, 3) if chosen.data is None else command_line.image_folder(chosen.data)
        wide = WideResnet(10, 1 if quick else 2)
        for device in devices:
            print(heading(device, repetitions, SEED))
            for setting in settings(folder, quick):
                if isinstance(setting.arch, Resnet18):
                    name = re.sub(r"resnet18 of width \d+", f"wide_resnet {wide.depth}-{wide.width}", setting.name)
                    for each in (setting, replace(setting, arch=wide, name=name)):
                        measure(each, device, repetitions)

    return command_line.run(measure_all)


def measure(setting: Setting, device: torch.device, repetitions: int) -> None:
    """Train the setting's model and print how both evaluations compare."""
    model = setting.train(device, SEED)
    test, _ = setting.data.test.to(device).limited(setting.examples)
    evaluation = Evaluation(ProjectedGradient())
    evaluated = partial(evaluate, model, test, setting.data.maximum, Linf(setting.epsilon), evaluation, SEED)
    candidates: dict[str, Callable[[], Flags]] = {
        "folded": evaluated,
        "not": lambda: _listened_in(model, evaluated),
    }
    found = {name: compute() for name, compute in candidates.items()}
    flags = {name: {each: getattr(one, each) for each in NAMES} for name, one in found.items()}
    differing = {each: int((flags["folded"][each] != flags["not"][each]).sum()) for each in NAMES}
    timings, on_cores = alternate_both(candidates, repetitions, device)
    counts = ", ".join(f"{each} {count}" for each, count in differing.items())
    print(
        f"{setting.name}, n = {len(test):,}: flags that differ: {counts};"
        f" not folded / folded: time {ratio(timings, 'not', 'folded')},"
        f" processor time {ratio(on_cores, 'not', 'folded')}"
    )


def _listened_in(model: nn.Module, evaluated: Callable[[], Flags]) -> Flags:
    """The same with a hook in each batch-norm: then nothing is folded."""
    hooks = [
        module.register_forward_hook(lambda *_: None) for module in model.modules() if isinstance(module, NORMS)
    ]
    try:
        return evaluated()
    finally:
        for hook in hooks:
            hook.remove()


if __name__ == "__main__":
    sys.exit(main())
