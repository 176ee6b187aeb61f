"""Floating-point operations: how much a step of training computes, whatever it is computed on."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import is_dataclass, replace
from typing import Any, TypeVar

from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

Result = TypeVar("Result")

_known: dict[Hashable, int] = {}
"""What was counted in this process, by all that decides it."""


def _of_product(result: Tensor, *arguments: Any) -> int:
    """Of aten's mm, addmm, bmm and baddbmm: each element is a sum over the last side of the first factor."""
    *_, one, _ = [each for each in arguments if isinstance(each, Tensor)]
    return 2 * result.numel() * one.shape[-1]


def _of_convolution(outputs: Tensor, inputs: Tensor, weight: Tensor, *rest: Any) -> int:
    """Of aten's convolution: every weight meets each position of the output, of the input if it is transposed."""
    transposed = rest[4]
    positions = (inputs if transposed else outputs).shape[2:].numel()
    return 2 * len(inputs) * weight.numel() * positions


def _of_convolution_backward(result: Any, gradient: Tensor, *rest: Any) -> int:
    """As many for each of the gradients that is asked for, to inputs and to weights."""
    to_inputs, to_weights, _ = rest[-1]
    return (to_inputs + to_weights) * _of_convolution(gradient, *rest)


_FORMULAS: Mapping[str, Callable[..., int]] = {
    **dict.fromkeys(("aten::mm", "aten::addmm", "aten::bmm", "aten::baddbmm"), _of_product),
    "aten::convolution": _of_convolution,
    "aten::convolution_backward": _of_convolution_backward,
}
"""From result and arguments to the operations; torch's own (`torch.utils.flop_counter`) take 80 MB to import."""


class Counting(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the operations of matrix products and convolutions, a multiplication and an addition as two.

    Those of other kinds are not counted, as is usual: they take time for the memory that they read, not for their
    operations. Nor are fused attention and the distances of ℓ∞-dist nets. What is computed stays the same, bit by
    bit.

    Attributes:
        total: how many so far.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.total = 0

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # nobody compiles this: so the compiler is not imported

    def __torch_dispatch__(
        self, func: Any, types: Sequence[type], args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Count, and do what was asked for."""
        result = func(*args, **(kwargs or {}))
        formula = _FORMULAS.get(func._schema.name)
        if formula is not None:
            self.total += formula(result, *args)
        return result


def operations(
    step: Callable[[], Result], model: nn.Module, defense: object, images: Tensor
) -> tuple[Result, int]:
    """What `step` returns, and how many operations it takes.

    They are counted while it runs, which takes a few times as long, but once in a process for the same network,
    defense (any λ but 0) and shape of images.
    """
    key = (_layers(model), _kind(defense), images.shape)
    if key in _known:
        return step(), _known[key]
    with Counting() as counting:
        result = step()
    if is_dataclass(defense):  # any other does not show all that decides
        _known[key] = counting.total
    return result, counting.total


def _layers(model: nn.Module) -> Hashable:
    return tuple(
        (type(module), tuple(each.shape for each in module.parameters(recurse=False)))
        for module in model.modules()
    )


def _kind(defense: Any) -> str:
    """The settings of a defense, all weights λ > 0 being alike: what they weigh is computed with each of them."""
    if is_dataclass(defense) and not isinstance(defense, type) and hasattr(defense, "lambda_"):
        return repr(replace(defense, lambda_=float(defense.lambda_ > 0)))
    return repr(defense)
