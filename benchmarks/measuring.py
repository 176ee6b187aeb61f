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
    timings: dict[str, list[float]] = {name: [] for name in candidates}
    for _ in range(repetitions):
        for name, candidate in candidates.items():
            _synchronize(device)
            started = time.perf_counter()
            candidate()
            _synchronize(device)
            timings[name].append(time.perf_counter() - started)
    return timings


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
