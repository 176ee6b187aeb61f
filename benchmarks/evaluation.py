"""`python -m benchmarks.evaluation`: our evaluation against the same A and F from other libraries."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

import numpy as np
import torch
from torch import nn

from benchmarks import command_line
from benchmarks.checkpoints import Setting, settings
from benchmarks.measuring import alternate, heading, ratio
from benchmarks.others import TORCHATTACKS_MISSING, Flags, Task, libraries
from benchmarks.passes import counting
from hypo.attacks.searches.projected_gradient import ProjectedGradient
from hypo.attacks.threat_models.linf import Linf
from hypo.measurements.evaluation import Evaluation, evaluate
from hypo.settings import checks
from hypo.settings.precision import full_precision

SEED = 0
Success = Literal["any_iterate", "last_iterate"]
SUCCESSES: tuple[Success, ...] = ("any_iterate", "last_iterate")

LEGEND = """
"passes an example" counts forward and backward passes through the model. The ratio of the others' passes to
ours can be at most 2 / (A + 1 - F) when only decided examples are spared, and 2 when only where a search ended
counts; the time may do better. Ours computes all flags (R_sta too), the others A and F only. Random starts
differ, so that single examples may be broken or hidden by one alone; from the clean image none should be
that ours missed.
""".strip()


@dataclass(frozen=True)
class Found:
    """What one way of computing A and F gave.

    Attributes:
        adv, hyp: (examples,) bool.
        passes: example passes, forwards and backwards, for all examples.
    """

    adv: np.ndarray
    hyp: np.ndarray
    passes: int

    def line(self) -> str:
        """Its figures in a few words."""
        A, F, passes = 1 - self.adv.mean(), self.hyp.mean(), self.passes / len(self.adv)
        return f"A {100 * A:5.1f}  F {100 * F:5.1f}  passes an example {passes:5.1f}"

    def limit(self) -> float:
        """2 / (A + 1 − F)."""
        undecided = int((~self.adv).sum() + (~self.hyp).sum())
        return 2 * len(self.adv) / undecided if undecided else float("inf")

    def compare(self, other: Found) -> str:
        """How many examples only one of the two broke, or hid."""

        def only(one: Found, another: Found) -> str:
            return f"{int((one.adv & ~another.adv).sum())} + {int((one.hyp & ~another.hyp).sum())}"

        return f"broken + hidden by it alone {only(other, self)}, by ours alone {only(self, other)}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; returns the exit code."""
    options = command_line.parser(
        "python -m benchmarks.evaluation",
        "Our evaluation against foolbox's LinfPGD and torchattacks' PGD: the same A and F, of the same models"
        " (trained first), with the same steps. Prints ratios of time and of example passes.",
    )
    options.add_argument("--examples", help="how many test examples at most (default: all digits, 200 images)")
    chosen = options.parse_args(arguments)

    def measure_all() -> None:
        repetitions = command_line.repetitions(chosen.repetitions)
        examples = None
        if chosen.examples is not None:
            examples = checks.integer("--examples", chosen.examples, at_least=1)
        devices = command_line.devices(chosen.device)
        folder = None if chosen.data is None else command_line.image_folder(chosen.data)
        attack = ProjectedGradient()
        for device in devices:
            print(heading(device, repetitions, SEED))
            print(
                f"Attack: PGD-{attack.steps}, ℓ∞, steps of {attack.relative_step:g} ε, uniform start, in batches"
                f" of {Evaluation(attack).batch}, float32 without TF32. Ours works channels-last, the others in"
                " PyTorch's default layout."
            )
            if "torchattacks" not in libraries():
                print(TORCHATTACKS_MISSING)
            print(LEGEND)
            for setting in settings(folder, chosen.quick):
                limited = replace(setting, examples=examples) if examples is not None else setting
                with full_precision():
                    measure(limited, attack, device, repetitions)

    return command_line.run(measure_all)


def measure(setting: Setting, attack: ProjectedGradient, device: torch.device, repetitions: int) -> None:
    """Train the setting's model and print what every way of evaluating it finds and costs."""
    model = setting.train(device, SEED)
    test, _ = setting.data.test.to(device).limited(setting.examples)
    images = test.images[:].float() / setting.data.maximum
    batch = Evaluation(attack).batch
    # As a user has them: in the default layout, already float, and with parameters that want gradients.
    task = Task(model, images, test.labels, setting.epsilon, attack, batch).in_default_layout()

    def ours(attack: ProjectedGradient, success: Success) -> Flags:
        evaluation = Evaluation(attack, success)
        flags = evaluate(model, test, setting.data.maximum, Linf(setting.epsilon), evaluation, SEED)
        return flags.adv, flags.hyp

    us: dict[str, Callable[[], Flags]] = {success: partial(ours, attack, success) for success in SUCCESSES}
    them: dict[str, Callable[[], Flags]] = {name: partial(library, task) for name, library in libraries().items()}
    found = {name: count(compute, model) for name, compute in us.items()}
    found |= {name: count(compute, task.model) for name, compute in them.items()}
    timings = alternate(us | them, repetitions, device)

    print(f"\n{setting.name}, n = {len(test):,}")
    for name, one in found.items():
        print(f"  {name:12}  {one.line()}")
    print(
        f"  limit of the passes' ratio: {found['any_iterate'].limit():.1f}× for any_iterate, 2× for last_iterate"
    )
    for name in them:
        for success in us:
            print(
                f"  {name} / {success}: time {ratio(timings, name, success)},"
                f" passes {found[name].passes / found[success].passes:.2f}×; {found[success].compare(found[name])}"
            )
    # Once more from the clean image, where chance has no say.
    from_clean = replace(attack, start="clean")
    ours_from_clean = count(partial(ours, from_clean, "any_iterate"), model)
    for name, library in libraries().items():
        other = count(partial(library, replace(task, attack=from_clean)), task.model)
        print(f"  {name} / any_iterate, both from the clean image: {ours_from_clean.compare(other)}")


def count(compute: Callable[[], Flags], model: nn.Module) -> Found:
    """What `compute` finds and how often it makes `model` run."""
    with counting(model) as passes:
        adv, hyp = compute()
    return Found(adv, hyp, passes.total)


if __name__ == "__main__":
    sys.exit(main())
