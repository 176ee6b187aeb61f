"""Decisions in full precision, whatever is allowed elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch


@contextmanager
def full_precision() -> Iterator[None]:
    """Matrix products and convolutions in full float32, without TF32 or bfloat16; the settings are restored."""
    backends: Any = torch.backends
    matmul, cudnn, mkldnn = backends.cuda.matmul, backends.cudnn, backends.mkldnn
    full: Any = False
    parts, setting = [matmul, cudnn], "allow_tf32"
    if hasattr(matmul, "fp32_precision"):  # torch >= 2.9, which refuses a mix with the older flags
        full = "ieee"
        parts, setting = [matmul, cudnn.conv, mkldnn.matmul, mkldnn.conv], "fp32_precision"
    before = [getattr(part, setting) for part in parts]
    for part in parts:
        setattr(part, setting, full)
    try:
        yield
    finally:
        for part, value in zip(parts, before, strict=True):
            setattr(part, setting, value)
