"""Sound bounds of what a network makes of all images in a ball, by interval and by linear relaxation.

A linear function of what a layer gives is followed back to the image: through an affine layer exactly, and through
a maximum (ReLU, max pooling) by one of the two linear functions that it lies between where its input is bounded,
which is computed first, in the same way, layer by layer (CROWN: Zhang et al., "Efficient Neural Network Robustness
Certification with General Activation Functions", NeurIPS 2018). On its way the function can be bounded at every
layer that has bounds already, and the best of these bounds is kept. What stops at the first of them is interval
propagation (IBP: Gowal et al., "On the Effectiveness of Interval Bound Propagation for Training Verifiably Robust
Models", 2018).

Of convolutions only what a unit sees is followed, so that the first layers of a network cost little. Of deep ones
that is everything, and where it costs more than `AFFORDABLE`, a layer has the bounds of interval propagation.

auto_LiRPA, which does all this for more kinds of networks, was tried first. Version 0.3, which the package index
has, asks for torch < 1.13. With torch 2.14 and numpy 2.4 it is not imported (numpy.lib.arraysetops), nor with
numpy 1.26 (torch.onnx.symbolic_helper._set_opset_version); with both put back, it reads no network, not even an
MLP (attributes of traced nodes: 'torch._C.Node' object is not subscriptable).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from hypo.certificates import rounding
from hypo.certificates.ball import Ball, Box
from hypo.certificates.maximum import PieceRelaxation
from hypo.certificates.network import Stage
from hypo.certificates.window import Window

Method = Literal["interval", "linear"]

AFFORDABLE = 2**35
"""Multiplications for the bounds of one layer on one image: a second or two on one core. LeNet's take 2³⁴·³."""

AT_ONCE = {"cpu": 2**22, "cuda": 2**26}
"""How many coefficients there are at a time: 16 MiB, about what a cache holds, or a quarter of a GiB a tensor."""


@dataclass
class Bounded:
    """What is known of a network on a ball, stage by stage.

    Attributes:
        inputs: of each stage what its layers are given: first the ball, then boxes.
        relaxations: of each stage's maximum; None for the first stage.
        slacks: (batch, channels, height, width) of each stage, by how much rounding may change what comes out.
    """

    stages: Sequence[Stage]
    method: Method
    inputs: list[Ball | Box]
    relaxations: list[PieceRelaxation | None]
    slacks: list[Tensor]

    @classmethod
    def on(cls, ball: Ball, stages: Sequence[Stage], method: Method) -> Bounded:
        """Bounds of every layer of a network on `ball`; no gradient is kept."""
        found = cls(stages, method, [ball], [None], [])
        with torch.no_grad():
            for at, stage in enumerate(stages):
                found._add_slack(at)
                if at + 1 < len(stages):
                    following = stages[at + 1].maximum
                    assert following is not None, "only the first stage begins without a maximum"
                    box = found._box(at, stage.shapes[-1])
                    found.relaxations.append(following.relaxation(box.lower, box.upper))
                    found.inputs.append(Box(*following.interval(box.lower, box.upper)))
        return found

    def least(self, of: Tensor) -> Tensor:
        """(batch, rows), lower bounds of Σ of·logits; `of` is (batch, rows, logits)."""
        last = len(self.stages) - 1
        with torch.no_grad():
            rows = of[:, None, :, :, None, None]
            return self._followed(rows, last, Window.whole((1, 1)), slice(None), self.method == "linear")[:, 0]

    def _box(self, at: int, shape: tuple[int, int, int]) -> Box:
        """Bounds of what comes out of the stage `at`, which has `shape`."""
        channels, *plane = shape
        window = Window.single((plane[0], plane[1]))
        largest, cost = self._largest(at, window, channels)
        like = self.slacks[0]
        at_once = AT_ONCE.get(like.device.type, AT_ONCE["cpu"])
        far = self.method == "linear" and cost <= AFFORDABLE
        if not far:
            largest = self._largest(at, window, channels, stages=1)[0]
        units = torch.eye(channels, dtype=like.dtype, device=like.device)[None, None, :, :, None, None]
        examples = max(1, at_once // (window.count * channels * largest))
        rows = max(1, at_once // (window.count * largest))
        lower, upper = (
            torch.cat(
                [
                    torch.cat(
                        [
                            self._followed(sign * units[:, :, chosen], at, window, part, far)
                            for chosen in _parts(channels, rows)
                        ],
                        dim=2,
                    )
                    for part in _parts(len(like), examples)
                ]
            )
            for sign in (1, -1)
        )
        placed = (len(like), *plane, channels)
        return Box(*(each.view(placed).permute(0, 3, 1, 2) for each in (lower, -upper)))

    def _followed(self, of: Tensor, at: int, window: Window, part: slice, far: bool) -> Tensor:
        """(batch, positions, rows), lower bounds of Σ of·what comes out of the stage `at` on the examples `part`.

        Args:
            far: whether to follow it to the image, and not to what the stage is given only.
        """
        constant: Tensor | float = 0.0
        best: Tensor | None = None
        for number in range(at, -1, -1):
            stage, slack = self.stages[number], self.slacks[number][part]
            rounded = of.abs().flatten(3) @ window.gather(slack).flatten(2)[..., None]
            constant = constant - rounded.squeeze(-1)
            for layer, before in zip(reversed(stage.layers), reversed(stage.shapes[:-1]), strict=False):
                of, beside, window = layer.back(of, window, before)
                constant = constant + beside
            here = _of_part(self.inputs[number], part).least(of, window) + constant
            best = here if best is None else best.maximum(here)
            relaxation = self.relaxations[number]
            if not far or stage.maximum is None or relaxation is None:
                break
            only = PieceRelaxation(relaxation.lower[part], relaxation.upper[part], relaxation.constant[part])
            of, beside, window = stage.maximum.back(of, window, only, stage.shapes[0])
            constant = constant + beside
        assert best is not None
        return best

    def _add_slack(self, at: int) -> None:
        """A few roundings of each sum, of the sizes that its terms have at most; see `rounding`."""
        given, stage = self.inputs[at], self.stages[at]
        size = (given.box if isinstance(given, Ball) else given).size()
        for layer in stage.layers:
            size = layer.size(size)
        self.slacks.append(rounding.share(*(layer.terms() for layer in stage.layers)) * size)

    def _largest(self, at: int, window: Window, rows: int, stages: int | None = None) -> tuple[int, int]:
        """The most coefficients that a row has at one position on the way, and the multiplications of all."""
        largest, cost = 1, 0
        for number in range(at, -1 if stages is None else at - stages, -1):
            stage = self.stages[number]
            befores = stage.shapes[:-1]
            for layer, before in zip(reversed(stage.layers), reversed(befores), strict=False):
                each, window = layer.cost(window, before)
                cost += each
                largest = max(largest, before[0] * math.prod(window.size))
            if stage.maximum is not None and number > 0:
                places = math.prod(stage.maximum.kernel)
                largest = max(largest, stage.shapes[1][0] * math.prod(window.size) * places)
                window = stage.maximum.before(window, stage.shapes[0])
        return largest, 2 * rows * cost


def _of_part(given: Ball | Box, part: slice) -> Ball | Box:
    if isinstance(given, Box):
        return Box(given.lower[part], given.upper[part])
    return Ball(given.images[part], Box(given.box.lower[part], given.box.upper[part]), given.euclidean)


def _parts(length: int, size: int) -> list[slice]:
    return [slice(begin, begin + size) for begin in range(0, length, size)]
