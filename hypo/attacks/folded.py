"""Batch-norm in `eval()` mode folded into the convolutions before it, for as long as a model is attacked."""

from __future__ import annotations

import copy
import warnings
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from enum import Enum
from types import MethodType
from typing import Any, TypeAlias
from weakref import ReferenceType, WeakKeyDictionary, ref

import torch
from torch import Tensor, fx, nn

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)

_HOOKS = ("_forward_pre_hooks", "_forward_hooks", "_backward_pre_hooks", "_backward_hooks")

_PLAIN = (bool, int, float, str, Enum, type(None))

_Found: TypeAlias = tuple[list["ReferenceType[nn.Module]"], Hashable, list[tuple[int, int]]]

_found: WeakKeyDictionary[nn.Module, _Found] = WeakKeyDictionary()
"""What was found in each model: its modules and its switches, and the pairs of a convolution and a norm by their
places among the modules."""


@contextmanager
def folded(model: nn.Module) -> Iterator[None]:
    """`model` with each batch-norm that follows a convolution computed as a part of that.

    γ·(w∗x + b − μ) / √(σ² + ε) + β is a convolution too, with weights γw / √(σ² + ε) and bias
    γ·(b − μ) / √(σ² + ε) + β. The results differ from the model's own by rounding alone, that of 32 bits in the
    order of 1e-6 of the logits; without a batch-norm that is folded they are its own bit by bit. Parameters and
    statistics are read in the beginning and left alone: the two modules compute something else meanwhile, that is
    all.

    A pair is folded where the norm's is the only use of the convolution's result and each is called once, which
    the calls of the whole network, traced once, have to prove. Any other norm stays as it is: in `train()` mode,
    without running statistics, shared, of a class of its own, in a network that cannot be traced. In a model with
    hooks, which might look at what is in between, nothing is folded, but hooks of the whole model do not matter.
    A copy that is made meanwhile, or a pickle, computes as its class says.

    Args:
        model: in `eval()` mode, and without parameters that want gradients.
    """
    pairs = [pair for pair in _pairs(model) if _is_foldable(*pair)]
    try:
        for convolution, norm in pairs:
            _fold(convolution, norm)
        yield
    finally:
        for pair in pairs:
            for module in pair:
                module.__dict__.pop("forward", None)


def _pairs(model: nn.Module) -> list[tuple[Any, Any]]:
    """The convolutions of `model` that a norm follows, each with it."""
    modules = list(model.modules())
    if not any(type(module) in NORMS for module in modules) or any(map(_has_hooks, modules[1:])):
        return []
    if nn.modules.module._has_any_global_hook():  # type: ignore[no-untyped-call]
        return []
    switches = _switches(modules)
    known, switched, places = _found.get(model, ([], None, []))
    if [one() for one in known] != modules or switched != switches:
        known, places = [ref(module) for module in modules], _traced(model, modules)
        _found[model] = known, switches, places
    return [(modules[first], modules[second]) for first, second in places]


def _switches(modules: Sequence[nn.Module]) -> Hashable:
    """What a network may have been told about its calls, such as by which of two norms it goes."""
    return tuple(
        (number, name, value)
        for number, module in enumerate(modules)
        if not type(module).__module__.startswith("torch.nn.")  # torch's own are called as a whole
        for name, value in vars(module).items()
        if isinstance(value, _PLAIN)
    )


def _has_hooks(module: nn.Module) -> bool:
    return any(getattr(module, name, None) for name in _HOOKS)


def _is_foldable(convolution: Any, norm: Any) -> bool:
    """Whether nobody computes something else there already, and the norm is no more than a scale and a shift."""
    ours = all(
        vars(module).get("forward") in (None, MethodType(type(module).forward, module))
        for module in (convolution, norm)
    )
    return ours and not norm.training and norm.running_mean is not None


class _Called(nn.Module):
    """`network` as it is called here: with images alone, and whatever its own hooks are."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.network.forward(images)
        return logits


def _without_wrappers(model: nn.Module) -> nn.Module:
    """The network within modules of hypo's own that call it as a whole.

    What some of them decide by the images' shape cannot be traced, and need not be.
    """
    while type(model).__module__.startswith("hypo.") and [name for name, _ in model.named_children()] == [
        "network"
    ]:
        model = model.get_submodule("network")
    return model


def _traced(model: nn.Module, modules: Sequence[nn.Module]) -> list[tuple[int, int]]:
    """The pairs by their places in `modules`; none where the calls hang on more than the modules."""
    called = _Called(_without_wrappers(model))
    parameters = {id(parameter): parameter for parameter in model.parameters()}
    try:
        with warnings.catch_warnings(), torch.random.fork_rng(devices=[]):
            warnings.simplefilter("ignore")
            # Of a copy, since a network may keep what it sees; one that cannot be copied stays as it is.
            nodes = fx.Tracer().trace(copy.deepcopy(called, dict(parameters))).nodes
    except Exception:  # whatever a foreign network does with what is no tensor
        return []
    place = {module: number for number, module in enumerate(modules)}
    calls = {node: place[called.get_submodule(str(node.target))] for node in nodes if node.op == "call_module"}
    count = Counter(calls.values())
    # Whose weights are read beside its calls.
    read = {str(node.target).rpartition(".")[0] for node in nodes if node.op == "get_attr"}

    def called_once(node: fx.Node, kinds: tuple[type[nn.Module], ...]) -> bool:
        number = calls.get(node)
        return (
            number is not None
            and type(modules[number]) in kinds
            and count[number] == 1
            and node.target not in read
            and len(node.args) == 1
            and not node.kwargs
        )

    return [
        (calls[first], calls[second])
        for second in calls
        if called_once(second, NORMS)
        and isinstance(first := second.args[0], fx.Node)
        and called_once(first, CONVOLUTIONS)
        and list(first.users) == [second]
    ]


class _Instead:
    """What `module` computes instead of what its class says, which a copy of the module has no part in."""

    def __init__(self, module: nn.Module, compute: Callable[[Tensor], Tensor]) -> None:
        self._module, self.compute = module, compute

    def __call__(self, inputs: Tensor) -> Tensor:
        return self.compute(inputs)

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        return MethodType(type(self._module).forward, copy.deepcopy(self._module, memo))

    def __reduce__(self) -> tuple[Any, ...]:
        return getattr, (self._module, "forward")  # of one that is being unpickled it is that of its class


@torch.no_grad()
def _fold(convolution: Any, norm: Any) -> None:
    """Make `convolution` compute both, and `norm` hand on what it is given."""
    weight, bias = convolution.weight, convolution.bias
    scale = torch.rsqrt(norm.running_var + norm.eps)
    if norm.weight is not None:
        scale = scale * norm.weight
    shift = (-norm.running_mean if bias is None else bias - norm.running_mean) * scale
    if norm.bias is not None:
        shift = shift + norm.bias
    # In a network of 16 bits a norm may have 32, and its results none the less those of the convolution.
    scaled, shift = (weight * scale.view(-1, *[1] * (weight.dim() - 1))).to(weight.dtype), shift.to(weight.dtype)
    device = weight.device.type
    if torch.is_autocast_enabled(device):  # which would convert them in every pass, as they want no gradient
        dtype = torch.get_autocast_dtype(device)
        scaled, shift = scaled.to(dtype), shift.to(dtype)
    between: list[Tensor] = []

    def convolved(inputs: Tensor) -> Tensor:
        between[:] = [convolution._conv_forward(inputs, scaled, shift)]
        return between[0]

    def handed_on(inputs: Tensor) -> Tensor:
        of_convolution = between.pop()
        assert inputs is of_convolution, "the model's calls are others than they were"
        return inputs

    convolution.forward, norm.forward = _Instead(convolution, convolved), _Instead(norm, handed_on)
