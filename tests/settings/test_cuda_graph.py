"""Captured and replayed with a stand-in: it notes a function and calls it where a GPU would run its kernels."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

import pytest
import torch
from stand_in_graph import StandInGraph
from torch import Tensor

from hypo.settings.cuda_graph import WARM_UP, Outputs, Replayed, graph_on


class Walk:
    """A function that changes a tensor in place, as a training step does, and draws."""

    def __init__(self) -> None:
        self.random = torch.Generator().manual_seed(0)
        self.position = torch.zeros(3)
        self.seen: list[int] = []

    def __call__(self, step: Tensor, scale: Tensor) -> Outputs:
        self.seen.append(step.data_ptr())
        noise = torch.randn(3, generator=self.random)
        self.position.add_(scale * (step.sum() + noise))
        return self.position * 2, noise


def walked(graph: StandInGraph | None, lengths: Sequence[int]) -> tuple[Walk, list[list[Tensor]]]:
    walk = Walk()
    replayed = Replayed(walk, graph, "walk", [walk.random])
    outputs = []
    for number, length in enumerate(lengths):
        found = replayed(torch.full((length,), float(number)), torch.tensor(0.5**number))
        outputs.append([each.clone() for each in found])
    return walk, outputs


def test_every_call_gives_what_the_function_gives() -> None:
    """Warm-up, capture, replays, and calls of another shape before and after it: each changes things once."""
    lengths = [4, 4, 2, 4, 4, 2, 4, 4]
    graph = StandInGraph()
    walk, outputs = walked(graph, lengths)
    plain_walk, plain_outputs = walked(None, lengths)
    assert graph.replays == 3  # of six calls of the first shape, three are plain
    assert torch.equal(walk.position, plain_walk.position)
    for found, expected in zip(outputs, plain_outputs, strict=True):
        assert all(torch.equal(one, other) for one, other in zip(found, expected, strict=True))


def test_a_replay_reads_its_inputs_where_the_capture_did() -> None:
    walk, _ = walked(StandInGraph(), [4] * (WARM_UP + 5))
    assert len(set(walk.seen[WARM_UP:])) == 1
    assert len(walk.seen) == WARM_UP + 5


def test_the_graph_is_told_what_is_drawn_from() -> None:
    graph = StandInGraph()
    walk, _ = walked(graph, [4] * (WARM_UP + 1))
    assert graph.generators == (walk.random,)


class Failing(StandInGraph):
    def capture(self, function: Callable[[], Outputs], generators: Sequence[torch.Generator]) -> None:
        raise RuntimeError("operation not permitted\nwhen stream is capturing")


def test_where_the_capture_fails_one_line_says_so_and_all_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "hypo"):
        walk, _ = walked(Failing(), [4] * (WARM_UP + 4))
    assert [record.getMessage() for record in caplog.records] == [
        "walk: goes on without a CUDA graph (RuntimeError operation not permitted when stream is capturing)"
    ]
    assert torch.equal(walk.position, walked(None, [4] * (WARM_UP + 4))[0].position)


def test_a_device_without_graphs_has_none_and_nothing_is_said(caplog: pytest.LogCaptureFixture) -> None:
    assert graph_on(torch.device("cpu")) is None
    walk, _ = walked(None, [4] * (WARM_UP + 2))
    assert not caplog.records
    assert len(walk.seen) == WARM_UP + 2
