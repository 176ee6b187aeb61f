"""Ensemble adversarial training: single steps up the loss of other models."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from hypo.attacks.goals.adversarial import Adversarial
from hypo.attacks.threat_models.threat_model import ThreatModel
from hypo.defenses.defense import Loss
from hypo.defenses.mixed_error import FGSM, mixed
from hypo.defenses.standard import Standard
from hypo.settings import checks
from hypo.settings.errors import InputError
from hypo.settings.other_run import OtherRun


@dataclass(frozen=True)
class EnsembleAt:
    """Minimise α·J(x) + (1 − α)·J(x + ε·sign ∇J_s(x)), s one of several models, drawn anew for every batch.

    J is the cross-entropy of the model that is trained, J_s that of the source s: one of the held models, which
    stay as they are, or the trained model itself; each is as likely (Tramèr et al. 2018; IFT 6164, lecture 2,
    Section 5.3).

    Attributes:
        held: the held models by name, at least one; one that is given no defense has the standard one.
        alpha: weight α of the clean images, in [0, 1]: 0 in the lecture, which trains on perturbed ones alone, and
            0.5 in the paper.
        own: whether the trained model is a source too, or its examples come from the held ones alone.
    """

    held: Mapping[str, OtherRun]
    alpha: float = 0.0
    own: bool = True

    def __post_init__(self) -> None:
        checks.number("alpha", self.alpha, at_least=0, at_most=1)
        if not self.held:
            raise InputError("held: takes at least one other run by a name, got none")

    def prerequisites(self, experiment: Any) -> Sequence[Any]:
        """The held models."""
        return [_standard(other).of(experiment, f"defense.held.{name}") for name, other in self.held.items()]

    def given(self, models: Sequence[nn.Module]) -> AmongModels:
        """The defense with the held models at hand, in their order."""
        return AmongModels(models, self.alpha, self.own)

    def loss(
        self,
        model: nn.Module,
        images: Tensor,
        labels: Tensor,
        threat_model: ThreatModel,
        random: torch.Generator,
    ) -> Loss:
        """Never asked for: what `given` returns has the loss."""
        raise AssertionError("the held models are to be given first")


class AmongModels:
    """`EnsembleAt` with its held models at hand, which are no part of the model that is trained and saved.

    Args:
        held: in `eval()` mode and on the device of the training.
        alpha, own: see `EnsembleAt`.

    Attributes:
        attack: the single step; None with α = 1, where nothing is perturbed.
    """

    same_every_step: ClassVar[bool] = False
    """It attacks another source each time."""

    def __init__(self, held: Sequence[nn.Module], alpha: float, own: bool) -> None:
        self.held, self.alpha, self.own = tuple(held), alpha, own
        self.attack = FGSM if alpha < 1 else None

    def loss(
        self,
        model: nn.Module,
        images: Tensor,
        labels: Tensor,
        threat_model: ThreatModel,
        random: torch.Generator,
    ) -> Loss:
        """See `Defense.loss`; no gradient flows through the step."""

        def perturb() -> Tensor:
            sources = (*self.held, model) if self.own else self.held
            source = sources[_drawn(random, len(sources))]
            return FGSM.last(source, images, Adversarial(labels), threat_model, random)

        return mixed(model, images, labels, self.alpha, perturb)


def _standard(other: OtherRun) -> OtherRun:
    """`other` with the standard defense where it would have that of the run, which needs it."""
    return replace(other, defense=Standard()) if other.run is None and other.defense is None else other


def _drawn(random: torch.Generator, count: int) -> int:
    """A number from 0 to `count` - 1 that the state of `random` decides; what is drawn from it next changes that.

    A generator's state is known to the host, while a number drawn on the device would have to be read back.
    """
    state = random.get_state().numpy().tobytes()
    return int.from_bytes(hashlib.sha256(state).digest()[:8], "big") % count
