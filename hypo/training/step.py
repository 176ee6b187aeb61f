"""One step of training: inner attack, loss, gradients and optimizer, on a GPU as one CUDA graph."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from hypo.attacks.threat_models.threat_model import ThreatModel
from hypo.defenses.defense import Defense
from hypo.settings import cuda_graph
from hypo.settings.cuda_graph import Graph, Outputs, Replayed
from hypo.training.lp_adam import LpAdam
from hypo.training.work import operations

logger = logging.getLogger("hypo")


@runtime_checkable
class Annealed(Protocol):
    """A module that changes with the time of its training."""

    def anneal(self, position: float) -> None:
        """`position`, in [0, 1], is the share of the training that is over."""
        ...


class Steps:
    """The steps of one training, which differ in images, labels and learning rate alone.

    Where that is all that the host decides, they are captured in a CUDA graph, the whole step in one: what they
    compute is the same, and on a CPU, where tests have a stand-in for the graph, bit by bit. A batch of another
    size, such as the last of an epoch, is computed plainly.

    Args:
        random: generator for the inner attack, on the model's device; it may be seeded anew between steps.
        bfloat16: see `train_step`.
        in_graph: whether a graph is tried; without, or on a device that has none, nothing is said.

    Attributes:
        operations: floating-point operations for each image, see `hypo.training.work`; 0 before the first step.
    """

    def __init__(
        self,
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        defense: Defense,
        threat_model: ThreatModel,
        random: torch.Generator,
        *,
        bfloat16: bool,
        in_graph: bool,
    ) -> None:
        self._model = model
        self._optimizer = optimizer
        self._defense = defense
        self.operations = 0.0
        graph = _graph(random.device, model, optimizer, defense) if in_graph else None
        # The kernels of a GPU take float32; a CPU's take the float64 that Python has.
        dtype = torch.float32 if random.device.type == "cuda" else torch.float64
        rate = None if graph is None else torch.zeros((), dtype=dtype, device=random.device)

        # Which does not know this object: the memory of a graph goes with the last that does.
        def step(images: Tensor, labels: Tensor) -> Outputs:
            with _at(optimizer, rate):
                arguments = (model, optimizer, images, labels, defense, threat_model, random)
                return (train_step(*arguments, bfloat16=bfloat16),)

        self._rate = rate
        self._replayed = Replayed(step, graph, "training step", [random])

    def __call__(self, images: Tensor, labels: Tensor) -> Tensor:
        """Take a step; what `train_step` takes and returns, which the next step overwrites."""
        if self._rate is not None:
            self._rate.fill_(self._optimizer.param_groups[0]["lr"])
        if self.operations:
            return self._replayed(images, labels)[0]
        found, counted = operations(lambda: self._replayed(images, labels), self._model, self._defense, images)
        self.operations = counted / len(images)
        return found[0]


def _graph(
    device: torch.device, model: nn.Module, optimizer: torch.optim.Optimizer, defense: Defense
) -> Graph | None:
    """A graph of this device, where all steps are the same to the host; where they are not, a line of the log."""
    graph = cuda_graph.graph_on(device)
    annealed = any(isinstance(module, Annealed) for module in model.modules())
    same_every_step = getattr(defense, "same_every_step", True)
    if graph is None or (same_every_step and not annealed and not isinstance(optimizer, LpAdam)):
        return graph
    logger.warning("training step: goes on without a CUDA graph (the host decides what changes in each)")
    return None


@contextmanager
def _at(optimizer: torch.optim.Optimizer, rate: Tensor | None) -> Iterator[None]:
    """`optimizer` with its learning rate in a tensor, that a graph can read; as a number again afterwards.

    None leaves all as it is.
    """
    before: list[dict[str, Any]] = [{} for _ in optimizer.param_groups]
    if rate is not None:
        capturing = rate.is_cuda and torch.cuda.is_current_stream_capturing()
        changes = {"lr": rate, **({"capturable": True} if capturing else {})}
        for group, kept in zip(optimizer.param_groups, before, strict=True):
            kept.update({key: group[key] for key in changes if key in group})
            group.update({key: changes[key] for key in kept})
    try:
        yield
    finally:
        for group, kept in zip(optimizer.param_groups, before, strict=True):
            group.update(kept)


def train_step(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    images: Tensor,
    labels: Tensor,
    defense: Defense,
    threat_model: ThreatModel,
    random: torch.Generator,
    *,
    bfloat16: bool = False,
) -> Tensor:
    """One optimizer step; nothing is read back from the device.

    Args:
        images: (batch, channels, height, width) in [0, 1].
        labels: (batch,) int64.
        random: generator for the defense's inner attack, on the images' device.
        bfloat16: run the forward passes under autocast.

    Returns:
        (3,) loss, clean and perturbed accuracy of the batch, nan where the defense computed no such logits.
    """
    with torch.autocast(images.device.type, dtype=torch.bfloat16, enabled=bfloat16):
        loss = defense.loss(model, images, labels, threat_model, random)
    optimizer.zero_grad(set_to_none=True)
    torch.autograd.backward(loss.value)
    optimizer.step()
    return torch.stack(
        [
            loss.value.detach().float(),
            _accuracy(loss.clean_logits, labels),
            _accuracy(loss.perturbed_logits, labels),
        ]
    )


def _accuracy(logits: Tensor | None, labels: Tensor) -> Tensor:
    if logits is None:
        return torch.full((), torch.nan, device=labels.device)
    return (logits.detach().argmax(1) == labels).float().mean()
