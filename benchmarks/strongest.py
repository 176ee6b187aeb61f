"""`python -m benchmarks.strongest`: does any other library find a flag that evaluation=strongest missed?"""

from __future__ import annotations

import argparse
import copy
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
import yaml
from torch import Tensor, nn
from torch.nn import functional

import hypo
from benchmarks.audited import cifar10_settings, digits_settings, mnist_settings
from benchmarks.checkpoints import Setting
from benchmarks.command_line import devices, run
from benchmarks.measuring import heading
from benchmarks.oracles import Attacked, Oracle, missing, oracles, perturbed
from benchmarks.passes import counting
from hypo.attacks.model_state import attacked
from hypo.attacks.threat_models.linf import Linf
from hypo.datasets.images import Split
from hypo.measurements.evaluation import Evaluation, evaluate
from hypo.measurements.pooled_search import parts
from hypo.measurements.risks import Flags
from hypo.settings import checks, components
from hypo.settings.precision import full_precision

SEED = 0
MISSED_AT_MOST = 1 / 500
"""Of the examples, by each oracle."""
PASSES_AT_MOST = 6
"""On a robust model, relative to the first search alone."""

LEGEND = f"""
Each oracle attacks every example that the model gets right, to break it, and every mistake, to hide it, with as
many passes an example as ours takes at most. Its points are pulled into the ball and into [0, 1], and count where
our own pass of the model says so. "missed" is what it found and evaluation=strongest did not: at most 1 example in
{1 / MISSED_AT_MOST:.0f}. A pass is an image once through the model, with or without the way back.
""".strip()


@dataclass(frozen=True)
class Judged:
    """What an oracle found, beside ours.

    Attributes:
        tried: how many examples it attacked.
        found, ours, missed: how many of these it brought over the line; ours did; it alone did.
        passes: an example.
    """

    tried: int
    found: int
    ours: int
    missed: int
    passes: float

    def __add__(self, other: Judged) -> Judged:
        """Both goals together."""
        tried = self.tried + other.tried
        passes = (self.tried * self.passes + other.tried * other.passes) / max(1, tried)
        counts = (self.found + other.found, self.ours + other.ours, self.missed + other.missed)
        return Judged(tried, *counts, passes)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; returns the exit code, 1 where a limit is exceeded."""
    options = argparse.ArgumentParser(prog="python -m benchmarks.strongest", description=__doc__)
    options.add_argument("--data", metavar="FOLDER", help="with MNIST/raw and cifar10-jpeg.zip: their models too")
    options.add_argument("--examples", help="how many test examples at most (default: all digits, 1,000 others)")
    options.add_argument("--device", default="cpu", help="cpu, cuda, cuda:1 (default: cpu)")
    chosen = options.parse_args(arguments)
    lines: list[str] = []

    def measure_all() -> None:
        examples = None
        if chosen.examples is not None:
            examples = checks.integer("--examples", chosen.examples, at_least=1)
        (device,) = devices(chosen.device)
        print(heading(device, 1, SEED).splitlines()[0])
        for line in missing():
            print(line)
        print(LEGEND)
        for setting in _settings(chosen.data):
            limited = setting if examples is None else replace(setting, examples=examples)
            with full_precision():
                lines.extend(measure(limited, strongest(), device))
        print("\n" + ("\n".join(lines) or "No limit is exceeded."))

    return run(measure_all) or int(bool(lines))


def strongest() -> Evaluation:
    """What evaluation=strongest stands for."""
    package = Path(hypo.__file__).parent
    configs = next(path for path in (package / "conf", package.parent / "conf") if path.is_dir())
    settings = yaml.safe_load((configs / "evaluation" / "strongest.yaml").read_text())
    return components.build(settings, "evaluation")


def measure(setting: Setting, evaluation: Evaluation, device: torch.device) -> list[str]:
    """Train the setting's model, print what everybody finds on it, and return which limits are exceeded."""
    model = setting.train(device, SEED)
    test, _ = setting.data.test.to(device).limited(setting.examples)
    ball, maximum = setting.ball(setting.epsilon), setting.data.maximum

    def ours(evaluation: Evaluation) -> tuple[Flags, int]:
        with counting(model) as passes:
            flags = evaluate(model, test, maximum, ball, evaluation, SEED)
        return flags, passes.forward - len(test)  # the clean ones belong to no search

    first, passes_of_first = ours(replace(evaluation, then={}))
    flags, passes = ours(evaluation)
    print(f"\n{setting.name}, n = {len(test):,}")
    print(f"  the first search alone: {_figures(first)}")
    print(f"  strongest:              {_figures(flags)}  passes {passes / passes_of_first:.2f}×")
    at_most = budget(evaluation, len(setting.data.classes))
    images = test.images[:].float() / maximum
    subject = Attacked(model, images, test.labels, ball, hide=False, budget=at_most)
    print(f"  {'':24} {'passes':>7} {'tried':>7} {'found':>7} {'ours':>7} {'missed':>7}")
    judged = judge(subject, flags, evaluation.batch)
    for name, one in judged.items():
        print(f"  {name:24} {one.passes:7.1f} {one.tried:7} {one.found:7} {one.ours:7} {one.missed:7}")
    return exceeded(setting, judged, passes / passes_of_first, len(test))


def exceeded(setting: Setting, judged: Mapping[str, Judged], relative_passes: float, examples: int) -> list[str]:
    """Which limits are, a line each."""
    lines = [
        f"{setting.name}: {name} found {one.missed} of {examples} examples that ours missed,"
        f" at most {MISSED_AT_MOST * examples:g}"
        for name, one in judged.items()
        if one.missed > MISSED_AT_MOST * examples
    ]
    if setting.robust and relative_passes > PASSES_AT_MOST:
        lines.append(f"{setting.name}: {relative_passes:.2f}× the passes, at most {PASSES_AT_MOST}×")
    return lines


class Unmoved(nn.Module):
    """A model that says 0 whatever it is shown, with gradients that are zero.

    Attributes:
        classes: how many logits it gives.
    """

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.classes = classes

    def forward(self, images: Tensor) -> Tensor:
        """(batch, classes) logits."""
        zero = torch.zeros(1, dtype=torch.int64, device=images.device)
        return 0 * images.flatten(1).sum(1, keepdim=True) + functional.one_hot(zero, self.classes)


def budget(evaluation: Evaluation, classes: int) -> int:
    """How many passes an example takes that no search decides."""
    model, one = Unmoved(classes), Split(torch.zeros(1, 1, 2, 2, dtype=torch.uint8), torch.zeros(1).long())
    with counting(model) as passes:
        evaluate(model, one, 1, Linf(0.5), evaluation, SEED)
    return passes.forward - len(one)


def judge(
    subject: Attacked,
    flags: Flags,
    batch: int,
    of: Callable[[bool, bool], Mapping[str, Oracle]] = oracles,
) -> dict[str, Judged]:
    """What each oracle of `of` finds on D⁺, which is to be broken, and on D⁻, which is to be hidden.

    Args:
        subject: all examples; which goal they have is in `flags`.
        flags: what ours found.
        batch: how many at once.
    """
    judged: dict[str, Judged] = {}
    for hide, mine, flagged in ((False, flags.correct, flags.adv), (True, ~flags.correct, flags.hyp)):
        at = torch.from_numpy(mine).nonzero().squeeze(1).to(subject.labels.device)
        ours = torch.from_numpy(flagged).to(at.device)[at]
        for name, oracle in of(hide, subject.in_l2).items() if len(at) else ():
            task = replace(subject, images=subject.images[at], labels=subject.labels[at], hide=hide)
            found, passes = brought_over(oracle, task, batch)
            missed = int((found & ~ours).sum())
            one = Judged(len(at), int(found.sum()), int(ours.sum()), missed, passes / len(at))
            judged[name] = judged[name] + one if name in judged else one
    return judged


def brought_over(oracle: Oracle, task: Attacked, batch: int) -> tuple[Tensor, int]:
    """Which examples `oracle` brings over the line, (examples,) bool, and how many passes that takes.

    What it found is pulled into the ball and into [0, 1] first, and `task.model` then says what it sees.
    """
    # As a user has it: in the default layout, which torchattacks takes for granted.
    model = copy.deepcopy(task.model).to(memory_format=torch.contiguous_format)
    found = []
    with attacked(model), counting(model) as passes:
        for part in parts(len(task.labels), batch):
            images, labels = task.images[part], task.labels[part]
            of_part = replace(task, model=model, images=images.contiguous(), labels=labels)
            points = perturbed(oracle, of_part)
            with torch.no_grad():
                right = task.model(task.ball.project(points, images)).argmax(1) == labels
            found.append((right == task.hide) & points.flatten(1).isfinite().all(1))
    return torch.cat(found), passes.forward


def _settings(data: str | None) -> Iterator[Setting]:
    yield from digits_settings()
    if data is not None:
        yield from mnist_settings(data)
        yield from cifar10_settings(data)


def _figures(flags: Flags) -> str:
    """A, F, and the two risks that attacks raise, in percent."""
    adv, hyp = flags.adv[flags.correct], flags.hyp[~flags.correct]
    shares = {"A": ~flags.adv, "F": flags.hyp, "R_adv⁺": adv, "R_hyp⁻": hyp}
    return "  ".join(f"{name} {100 * share.mean():5.1f}" for name, share in shares.items() if len(share))


if __name__ == "__main__":
    sys.exit(main())
