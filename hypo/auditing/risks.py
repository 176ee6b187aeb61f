"""`hypo.risks`: accuracies and risks of a model that is in memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from hypo.auditing.chosen import evaluation as evaluation_named
from hypo.auditing.chosen import threat_model
from hypo.auditing.defaults import EVALUATION
from hypo.auditing.given import collected, device_of, probed
from hypo.command_line.result_tables import LABELS
from hypo.measurements.evaluation import evaluate
from hypo.measurements.risks import Flags, Share
from hypo.measurements.risks import risks as risks_of
from hypo.settings import checks
from hypo.settings.device import few_threads


@dataclass(frozen=True, eq=False, repr=False)
class Risks(Mapping[str, Share]):
    """Accuracies and risks by name, as `found["R_hyp_minus"].value`; printed, a table.

    D, A and F are the accuracies on clean, adversarially and hypocritically perturbed images. R_nat = 1 − D,
    R_adv_plus is the share of the right predictions that an adversary breaks, R_hyp_minus that of the mistakes a
    false friend hides, R_sta that of the predictions that can be changed at all; `hypo.measurements.risks.risks`
    names all of them. What was not found need not be safe: A is an upper bound, F and the risks are lower ones.

    Attributes:
        flags: what was found out about each example, arrays in the order of the loader; see `Flags`.
        warnings: lines on what makes these numbers doubtful.
    """

    shares: Mapping[str, Share]
    flags: Flags
    warnings: tuple[str, ...] = field(default=())

    def __getitem__(self, name: str) -> Share:
        return self.shares[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.shares)

    def __len__(self) -> int:
        return len(self.shares)

    def __repr__(self) -> str:
        return "\n".join([*(_line(self[name], label) for name, label in LABELS.items()), *self.warnings])


def risks(
    model: nn.Module,
    loader: Iterable[Any],
    epsilon: float,
    norm: str = "linf",
    *,
    evaluation: str = EVALUATION,
    seed: int = 0,
) -> Risks:
    """How far a model's predictions can be trusted, by attacking each as an adversary and as a false friend.

    >>> import torch
    >>> from hypo import risks
    >>> model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(4, 2))
    >>> images, labels = torch.rand(20, 1, 2, 2), torch.randint(2, (20,))
    >>> found = risks(model, [(images, labels)], epsilon=0.1)
    >>> found["D"].value == 1 - found["R_nat"].value
    True
    >>> hidden = found.flags.hyp & ~found.flags.correct  # the mistakes that a false friend hides

    Args:
        model: from (batch, channels, height, width) images in [0, 1] to (batch, classes) logits; what normalises
            them is its first layer. It is left as found, and attacked where its weights are, in `eval()` mode.
        loader: of pairs of images, float in [0, 1], and labels, (batch,) whole numbers: a `DataLoader`, or a list.
        epsilon: how large perturbations may be, in `norm`, > 0; a number, or a text such as "8/255".
        norm: "linf", by how much each pixel may move, or "l2", how far the image may.
        evaluation: "strongest", several searches in turn, or a quicker one, such as "pgd20".
        seed: of the random starting points.

    Returns:
        Shares with 95 % intervals by name, and what was found out about each example.

    Raises:
        hypo.settings.errors.InputError: a ValueError, for what cannot be measured, in one line.
    """
    ball, device = threat_model(norm, epsilon), device_of(model)
    checks.integer("seed", seed, at_least=0)
    test = collected(loader, device)
    chosen = evaluation_named(evaluation, test.images.shape[1:])
    with few_threads(model, chosen.batch), torch.enable_grad():
        _, warnings = probed(model, test)
        flags = evaluate(model, test, 1, ball, chosen, seed)
    return Risks(risks_of(flags), flags, tuple(warnings))


def _line(share: Share, label: str) -> str:
    value, interval = share.value, share.interval
    if value is None or interval is None:
        return f"{label:<33} {'–':>6}"
    low, high = (f"{100 * end:.1f}" for end in interval)
    return f"{label:<33} {100 * value:6.2f} %  [{low}, {high}]  {share.count:,} of {share.of:,}"
