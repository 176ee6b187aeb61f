"""Alternating timings and what is made of them: ratios only, since seconds say nothing on another machine."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

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


def most_operations(device: torch.device) -> float:
    """Floating-point operations a second in float32, or in TF32 where a GPU has that: the limit of the device.

    The best of several large matrix products and convolutions; on a CPU, what one core gives.
    """
    side, batch, channels = (2048, 16, 256) if device.type == "cpu" else (8192, 256, 512)
    one, other = torch.rand(2, side, side, device=device)
    images = torch.rand(batch, channels, 16, 16, device=device).to(memory_format=torch.channels_last)
    weights = torch.rand(channels, channels, 3, 3, device=device).to(memory_format=torch.channels_last)
    work: dict[str, tuple[Callable[[], Tensor], int]] = {
        "product": (lambda: torch.mm(one, other), 2 * side**3),
        "convolution": (
            lambda: F.conv2d(images, weights, padding=1),
            2 * weights.numel() * images[:, 0].numel(),
        ),
    }
    precision = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high")  # what convolutions have by default
    try:
        with torch.no_grad():
            timings = alternate_both({name: each for name, (each, _) in work.items()}, 6, device)
    finally:
        torch.set_float32_matmul_precision(precision)
    seconds = timings[device.type == "cpu"]
    return max(operations / min(seconds[name][1:]) for name, (_, operations) in work.items())


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
