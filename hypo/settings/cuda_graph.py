"""A function of tensors whose shapes never change, captured in a CUDA graph and replayed.

A replay launches all kernels of the function at once. For small batches the host takes longer to launch them one
by one than the GPU to run them.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import TypeAlias

import torch
from torch import Tensor

logger = logging.getLogger("hypo")

WARM_UP = 3
"""Plain calls before the capture, in which libraries choose their kernels and memory is found."""

Outputs: TypeAlias = tuple[Tensor, ...]


class Graph:
    """A CUDA graph, and a stream beside the usual one, where a capture has to be."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._stream: torch.cuda.Stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        self._graph = torch.cuda.CUDAGraph()
        self._outputs: Outputs = ()

    def plainly(self, function: Callable[[], Outputs]) -> Outputs:
        """What `function` returns, called on the stream of the capture: autograd minds another one."""
        usual = torch.cuda.current_stream(self._device)
        self._stream.wait_stream(usual)
        with torch.cuda.stream(self._stream):
            outputs = function()
        usual.wait_stream(self._stream)
        return outputs

    def capture(self, function: Callable[[], Outputs], generators: Sequence[torch.Generator]) -> None:
        """Note the kernels of `function`; none of them runs.

        Args:
            generators: what it draws from besides torch's own; each replay goes on where they are.

        Raises:
            Exception: of any kind, where it does what no graph can, such as reading a value back. All generators
                are then usable again.
        """
        usual = torch.cuda.current_stream(self._device)
        drawn_from = [torch.cuda.default_generators[usual.device.index], *generators]
        before = [generator.clone_state() for generator in drawn_from]
        try:
            for generator in generators:
                self._graph.register_generator_state(generator)
            # The outer one brings the usual stream back even where the capture ends with an error.
            with torch.cuda.stream(usual), torch.cuda.graph(self._graph, stream=self._stream):
                self._outputs = function()
        except Exception:
            for generator, state in zip(drawn_from, before, strict=True):
                generator.graphsafe_set_state(state)
            raise

    def replay(self) -> Outputs:
        """Run the kernels; what they give lies where it lay the last time."""
        self._graph.replay()
        return self._outputs


def graph_on(device: torch.device) -> Graph | None:
    """A graph of `device`; None where it has none."""
    return Graph(device) if device.type == "cuda" else None


class Replayed:
    """`function`, called plainly a few times and then captured and replayed, with the same results.

    The plain calls are like any other, so that whatever the function changes it changes once a call. Without a
    graph, and for inputs of other shapes than the first call's, all calls are plain. So they are where the capture
    fails, which one line of the log says.

    Args:
        function: from tensors to tensors without gradient. It reads nothing back from the device, does the same in
            every call whatever the host knows, and changes other tensors only in place: weights, say. Numbers that
            change from call to call have to be in tensors too.
        graph: from `graph_on`; None for none.
        name: what the log calls it.
        generators: those on the device that it draws from, torch's own apart; they may be seeded between calls.
    """

    def __init__(
        self,
        function: Callable[..., Outputs],
        graph: Graph | None,
        name: str,
        generators: Sequence[torch.Generator] = (),
    ) -> None:
        self._function = function
        self._graph = graph
        self._name = name
        self._generators = tuple(generators)
        self._form: list[tuple[torch.Size, torch.dtype]] = []
        self._inputs: tuple[Tensor, ...] | None = None
        self._plain_calls = 0

    def __call__(self, *inputs: Tensor) -> Outputs:
        """What the function returns; the next call overwrites it."""
        if self._graph is None:
            return self._function(*inputs)
        form = [(each.shape, each.dtype) for each in inputs]
        self._form = self._form or form
        if self._inputs is None and form == self._form:
            if self._plain_calls == WARM_UP:
                return self._captured(self._graph, inputs)
            self._plain_calls += 1
        if self._inputs is None or form != self._form:
            return self._graph.plainly(lambda: self._function(*inputs))
        for fixed, given in zip(self._inputs, inputs, strict=True):
            if given is not fixed:
                fixed.copy_(given)
        return self._graph.replay()

    def _captured(self, graph: Graph, inputs: tuple[Tensor, ...]) -> Outputs:
        """The results of the call in which the function is captured."""
        function, fixed = self._function, tuple(each.detach().clone() for each in inputs)
        try:
            graph.capture(lambda: function(*fixed), self._generators)
        except Exception as error:  # the function's, torch's or CUDA's: all mean that it cannot be captured
            reason = " ".join(f"{type(error).__name__} {error}".split())[:160]
            logger.warning("%s: goes on without a CUDA graph (%s)", self._name, reason)
            self._graph = None
            return self._function(*inputs)
        self._inputs = fixed
        return graph.replay()
