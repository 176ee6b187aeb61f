"""Alternating timings and what is made of them: ratios only, since seconds say nothing on another machine."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

import torch

from hypo.jobs.environment import environment

Timings = Mapping[str, list[float]]
"""For each candidate its seconds, one entry a round."""


def alternate(candidates: Mapping[str, Callable[[], Any]], repetitions: int, device: torch.device) -> Timings:
    """Time every candidate once a round (A B C A B C …), so that a noisy machine is noisy for all of them."""
    return alternate_both(candidates, repetitions, device)[0]


def alternate_both(
    candidates: Mapping[str, Callable[[], Any]], repetitions: int, device: torch.device
) -> tuple[Timings, Timings]:
    """The same, and in second place the seconds of this process on all cores, which others do not add to."""
    timings: dict[str, list[float]] = {name: [] for name in candidates}
    on_cores: dict[str, list[float]] = {name: [] for name in candidates}
    for _ in range(repetitions):
        for name, candidate in candidates.items():
            _synchronize(device)
            started, used = time.perf_counter(), time.process_time()
            candidate()
            _synchronize(device)
            timings[name].append(time.perf_counter() - started)
            on_cores[name].append(time.process_time() - used)
    return timings, on_cores


def matrix_products(device: torch.device) -> float:
    """Floating-point operations a second in a large matrix product of float32, or of TF32 where a GPU has that.

    The device's limit, as far as it can be measured: the best of several products.
    """
    side = 2048 if device.type == "cpu" else 8192
    one, other = torch.rand(2, side, side, device=device)
    precision = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high")  # what convolutions have by default
    try:
        torch.mm(one, other)
        timings = alternate({"product": lambda: torch.mm(one, other)}, 5, device)
    finally:
        torch.set_float32_matmul_precision(precision)
    return 2 * side**3 / min(timings["product"])


def ratio(timings: Timings, slower: str, faster: str) -> str:
    """How many times as long `slower` took as `faster`: the median over the rounds, and their range."""
    ratios = [one / other for one, other in zip(timings[slower], timings[faster], strict=True)]
    return f"{statistics.median(ratios):.2f}× ({min(ratios):.2f} to {max(ratios):.2f})"


def heading(device: torch.device, repetitions: int, seed: int) -> str:
    """What the ratios below it were measured with."""
    found = environment(device)
    packages = found["packages"]
    code = f"{(found['commit'] or 'no checkout')[:12]}{', changed' if found['dirty'] else ''}"
    return (
        f"On {found['device']} ({found['device_name']}, {os.cpu_count()} cores,"
        f" {found['threads_at_most']} threads at most),"
        f" {found['platform']}; Python {found['python']}, torch {packages['torch']}, CUDA {found['cuda']},"
        f" hypo {found['hypo']} ({code}); seed {seed}.\n"
        f"Ratios are medians of {repetitions}, in brackets their range; in each repetition all candidates run"
        " once, one after the other."
    )


def _synchronize(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
