"""ℓ∞-dist nets: every unit is a distance, so that no logit changes faster than its input does."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

import torch
from torch import Tensor, nn

from hypo.architectures.linf_distance import distances, distances_with_surrogate
from hypo.settings import checks
from hypo.settings.errors import InputError

_LARGE = -10.0
_MOMENTUM = 0.1


@dataclass(frozen=True)
class LinfDistNet:
    """Layers of units ‖x − w‖_p, mean-only normalisation between them, a bias in the last (Zhang et al. 2021).

    The logits are minus what the last layer gives (Tao et al. 2022, Equation 4). At p = ∞ every logit is
    1-Lipschitz in ℓ∞ of the network's input. Training anneals p: `p_start` for `hold` of the time, then
    exponentially up to `p_end` at `infinite_from`, then ∞; see `LinfDistLayer.anneal`. On CIFAR-10 at the
    published size it has 120,637,450 parameters.

    Attributes:
        hidden: the widths of the hidden layers, each ≥ 1.
        input_std: the one that all channels of the input are divided by, > 0; None for the mean of the data set's.
        p_start, p_end: ≥ 1.
        hold, infinite_from: shares of the training time, in [0, 1], the first below the second.
        surrogate_p: ≥ 1, of the gradient that attacks on the trained network get.
    """

    lipschitz: ClassVar[bool] = True
    """Its logits change by no more than its input does, in ℓ∞: what certificates need."""
    one_std: ClassVar[bool] = True
    """It is normalised by one std for all channels, `input_std`, so that a ball stays a ball."""

    hidden: tuple[int, ...] = (5120,) * 5
    p_start: float = 8.0
    p_end: float = 1000.0
    hold: float = 1 / 8
    infinite_from: float = 15 / 16
    surrogate_p: float = 30.0
    input_std: float | None = None

    def __post_init__(self) -> None:
        hidden = tuple(checks.integer("hidden", width, at_least=1) for width in self.hidden)
        object.__setattr__(self, "hidden", hidden)
        for name in ("p_start", "p_end", "surrogate_p"):
            checks.number(f"{name}", getattr(self, name), at_least=1)
        if self.input_std is not None:
            checks.number("input_std", self.input_std, above=0)
        if not 0 <= self.hold < self.infinite_from <= 1:
            got = f"{self.hold} and {self.infinite_from}"
            raise InputError(f"hold: takes a share of the training below arch.infinite_from, got {got}")

    def build(self, shape: tuple[int, int, int], classes: int) -> nn.Module:
        """The network for images of `shape` (channels, height, width)."""
        layers: list[nn.Module] = [nn.Flatten()]
        widths = (math.prod(shape), *self.hidden)
        for before, after in pairwise(widths):
            layers += [LinfDistLayer(before, after, self, bias=False), MeanNormalisation(after)]
        return nn.Sequential(*layers, LinfDistLayer(widths[-1], classes, self, bias=True))


class LinfDistLayer(nn.Module):
    """‖x − w_i‖_p for each unit i, from (batch, before) to (batch, after); in the last layer −(‖x − w_i‖_p + b_i).

    `surrogate` says whether an attack on the trained network gets the gradient of `surrogate_p` or its own.
    """

    def __init__(self, before: int, after: int, schedule: LinfDistNet, *, bias: bool) -> None:
        super().__init__()
        self.schedule = schedule
        self.weight = nn.Parameter(torch.randn(after, before))
        if before <= after:  # then every input has a unit that begins by looking at it mostly
            unit = torch.arange(after)
            with torch.no_grad():
                self.weight[unit, unit % before] = _LARGE
        self.bias = nn.Parameter(torch.zeros(after)) if bias else None
        self.register_buffer("p", torch.tensor(schedule.p_start))
        self._p = schedule.p_start  # the same, readable without asking the device
        self.surrogate = True

    def anneal(self, position: float) -> None:
        """Set p to that of `position`, in [0, 1], of the training."""
        s = self.schedule
        if position >= s.infinite_from:
            p = math.inf
        else:
            share = max(0.0, position - s.hold) / (s.infinite_from - s.hold)
            p = s.p_start * (s.p_end / s.p_start) ** share
        self._p = p
        self.get_buffer("p").fill_(p)

    @torch.no_grad()
    def decay(self, rate: float) -> None:
        """w −= rate · ∇½‖w‖_p², unit by unit: at p = ∞ the largest weights alone shrink. Biases shrink in ℓ2."""
        size = self.weight.abs()
        largest = size.amax(1, keepdim=True).clamp_min(torch.finfo(size.dtype).tiny)
        relative = size / largest
        if math.isinf(self._p):
            slope = largest * (relative == 1)
        else:
            norm = relative.pow(self._p).sum(1, keepdim=True).pow(1 / self._p)
            slope = largest * norm * (relative / norm).pow(self._p - 1)
        self.weight.sub_(rate * slope * self.weight.sign())
        if self.bias is not None:
            self.bias.mul_(1 - rate)

    def forward(self, inputs: Tensor) -> Tensor:
        """(batch, after) distances, or in the last layer logits."""
        if math.isinf(self._p) and self.surrogate and not self.training:
            # Whoever asks for a gradient in eval() mode is an attack.
            found = distances_with_surrogate(inputs, self.weight, self.schedule.surrogate_p)
        else:
            found = distances(inputs, self.weight, self._p)
        return found if self.bias is None else -(found + self.bias)

    def _load_from_state_dict(self, *arguments: object, **named: object) -> None:
        super()._load_from_state_dict(*arguments, **named)
        self._p = float(self.get_buffer("p"))


class MeanNormalisation(nn.Module):
    """Subtracts each unit's mean, the batch's in training and the running one else: shifts expand nothing."""

    def __init__(self, units: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(units))

    def forward(self, inputs: Tensor) -> Tensor:
        """(batch, units), centred."""
        mean = self.get_buffer("mean")
        if not self.training:
            return inputs - mean
        of_batch = inputs.mean(0)
        with torch.no_grad():
            mean.lerp_(of_batch, _MOMENTUM)
        return inputs - of_batch
