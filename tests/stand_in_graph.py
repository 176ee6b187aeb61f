"""What stands in for a CUDA graph where there is no GPU."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from hypo.settings.cuda_graph import Graph, Outputs


class StandInGraph(Graph):
    """Notes a function as a capture would, without its effects, and calls it where the kernels would run.

    A replay checks that inputs and outputs lie where they lay, as those of kernels do: outputs are copied there.
    """

    def __init__(self) -> None:
        self.replays = 0
        self.generators: tuple[torch.Generator, ...] = ()
        self._function: Callable[[], Outputs] | None = None
        self._outputs = ()

    def plainly(self, function: Callable[[], Outputs]) -> Outputs:
        return function()

    def capture(self, function: Callable[[], Outputs], generators: Sequence[torch.Generator]) -> None:
        assert self._function is None, "captured twice"
        self._function, self.generators = function, tuple(generators)

    def replay(self) -> Outputs:
        assert self._function is not None, "replayed before it was captured"
        self.replays += 1
        outputs = self._function()
        self._outputs = self._outputs or outputs
        for fixed, found in zip(self._outputs, outputs, strict=True):
            fixed.detach().copy_(found)
        return self._outputs
