"""A network as what bounds are computed of: affine layers, and maxima between them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from hypo.architectures.normalised import Normalised
from hypo.certificates.affine import Affine, Convolution, Dense, Flattening, Scale, Shape
from hypo.certificates.maximum import Maximum
from hypo.certificates.window import Pair
from hypo.settings.errors import InputError


@dataclass(frozen=True)
class Stage:
    """Affine layers in turn, which may be none, after a maximum; the first stage of a network has none before it.

    Attributes:
        shapes: what goes into the maximum, if there is one, then into each of the layers, then what comes out.
    """

    maximum: Maximum | None
    layers: tuple[Affine, ...]
    shapes: tuple[Shape, ...]


def stages(network: nn.Module, shape: Shape) -> list[Stage]:
    """What `network` does in `eval()` mode to images of `shape` (channels, height, width).

    Raises:
        InputError: for a layer that is not one of those below; it is named.
    """
    found: list[Stage] = []
    layers: list[Affine] = []
    maximum: Maximum | None = None
    shapes = [shape]
    for step in _merged(_steps(network, shape)):
        if isinstance(step, Maximum):
            found.append(Stage(maximum, tuple(layers), tuple(shapes)))
            maximum, layers, shapes = step, [], [shapes[-1]]
        else:
            layers.append(step)
        shapes.append(step.shape(shapes[-1]))
    return [*found, Stage(maximum, tuple(layers), tuple(shapes))]


Step = Affine | Maximum


def _steps(network: nn.Module, shape: Shape) -> Iterator[Step]:
    like = next(network.parameters())
    for module in _leaves(network):
        if isinstance(module, Scale):
            step: Step | None = module
        elif type(module) in _READ:
            step = _READ[type(module)](module, shape, like)
        else:
            raise _refusal(type(module).__name__)
        if step is not None:
            yield step
            shape = step.shape(shape)


def _leaves(network: nn.Module) -> Iterator[nn.Module | Scale]:
    if type(network) is nn.Sequential:
        for module in network:
            yield from _leaves(module)
    elif type(network) is Normalised:
        mean, std = network.get_buffer("mean").flatten(), network.get_buffer("std").flatten()
        yield Scale(1 / std, -mean / std)
        yield from _leaves(network.network)
    else:
        yield network


def _merged(steps: Iterator[Step]) -> Iterator[Step]:
    """A ReLU before or after a max pooling as one step with it: max(0, ·) and max(·) may change places."""
    before: Maximum | None = None
    for step in steps:
        if not isinstance(step, Maximum):
            if before is not None:
                yield before
            yield step
            before = None
        elif before is None:
            before = step
        elif before == Maximum() or step == Maximum():
            pool = step if before == Maximum() else before
            before = Maximum(pool.kernel, pool.stride, pool.padding, rectified=True)
        else:
            yield before
            before = step
    if before is not None:
        yield before


def _dense(module: nn.Linear, shape: Shape, like: Tensor) -> Step:
    if shape != (module.in_features, 1, 1):
        raise _refusal("Linear on what is not flattened")
    return Dense(module.weight.detach(), _or_zeros(module.bias, module.weight))


def _convolution(module: nn.Conv2d, shape: Shape, like: Tensor) -> Step:
    if module.padding_mode != "zeros" or isinstance(module.padding, str):
        raise _refusal(f"Conv2d with padding={module.padding!r} and padding_mode={module.padding_mode!r}")
    settings: Any = (module.stride, module.padding, module.dilation, module.groups)
    return Convolution(module.weight.detach(), _or_zeros(module.bias, module.weight), *settings)


def _batch_norm(module: nn.BatchNorm1d | nn.BatchNorm2d, shape: Shape, like: Tensor) -> Step:
    mean, variance = module.running_mean, module.running_var
    if mean is None or variance is None:
        raise _refusal(f"{type(module).__name__} without running statistics")
    factor = (variance + module.eps).rsqrt()
    factor = factor if module.weight is None else factor * module.weight.detach()
    constant = -mean * factor if module.bias is None else module.bias.detach() - mean * factor
    return Scale(factor, constant)


def _max_pool(module: nn.MaxPool2d, shape: Shape, like: Tensor) -> Step:
    kernel, stride, padding, dilation = map(
        _pair, (module.kernel_size, module.stride, module.padding, module.dilation)
    )
    if module.ceil_mode or dilation != (1, 1):
        raise _refusal("MaxPool2d with ceil_mode or dilation")
    return Maximum(kernel, stride, padding, rectified=False)


def _average_pool(module: nn.AvgPool2d, shape: Shape, like: Tensor) -> Step:
    kernel, stride, padding = map(_pair, (module.kernel_size, module.stride, module.padding))
    uneven = padding != (0, 0) and not module.count_include_pad
    if module.ceil_mode or uneven or module.divisor_override is not None:
        raise _refusal("AvgPool2d with ceil_mode, count_include_pad=False or divisor_override")
    return _average(like, shape[0], kernel, stride, padding)


def _adaptive_pool(module: nn.AdaptiveAvgPool2d, shape: Shape, like: Tensor) -> Step:
    size: Any = module.output_size
    sides = [
        side if wanted is None else wanted
        for side, wanted in zip(shape[1:], size if isinstance(size, tuple) else (size, size), strict=True)
    ]
    if any(side % wanted for side, wanted in zip(shape[1:], sides, strict=True)):
        raise _refusal("AdaptiveAvgPool2d whose parts are not of one size")
    kernel = (shape[1] // sides[0], shape[2] // sides[1])
    return _average(like, shape[0], kernel, kernel, (0, 0))


def _average(like: Tensor, channels: int, kernel: Pair, stride: Pair, padding: Pair) -> Convolution:
    weight = like.new_full((channels, 1, *kernel), 1 / (kernel[0] * kernel[1]))
    return Convolution(weight, like.new_zeros(channels), stride, padding, groups=channels)


def _flattening(module: nn.Flatten, shape: Shape, like: Tensor) -> Step:
    if (module.start_dim, module.end_dim) != (1, -1):
        raise _refusal("Flatten of some dimensions only")
    return Flattening()


def _nothing(module: nn.Module, shape: Shape, like: Tensor) -> None:
    """What changes nothing in `eval()` mode."""


_READ: dict[type[nn.Module], Callable[[Any, Shape, Tensor], Step | None]] = {
    nn.Linear: _dense,
    nn.Conv2d: _convolution,
    nn.BatchNorm1d: _batch_norm,
    nn.BatchNorm2d: _batch_norm,
    nn.ReLU: lambda module, shape, like: Maximum(),
    nn.MaxPool2d: _max_pool,
    nn.AvgPool2d: _average_pool,
    nn.AdaptiveAvgPool2d: _adaptive_pool,
    nn.Flatten: _flattening,
    nn.Dropout: _nothing,
    nn.Dropout2d: _nothing,
    nn.Identity: _nothing,
}
"""How each layer is read, by its exact type: another's `forward` may be its own."""


def _refusal(got: str) -> InputError:
    known = ", ".join(each.__name__ for each in _READ)
    return InputError(f"bounds networks that are a Sequential of {known}; got {got}")


def _or_zeros(bias: Tensor | None, weight: Tensor) -> Tensor:
    return weight.new_zeros(len(weight)) if bias is None else bias.detach()


def _pair(value: int | Pair) -> Pair:
    return value if isinstance(value, tuple) else (value, value)
