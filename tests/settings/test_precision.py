"""Full precision while it counts, and what the user chose afterwards."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from hypo.settings.precision import full_precision


def legacy(name: str) -> Callable[[], None]:
    return lambda: torch.set_float32_matmul_precision(name)


def current(name: str) -> Callable[[], None]:
    def choose() -> None:
        torch.backends.fp32_precision = name

    return choose


MODERN = hasattr(torch.backends.cuda.matmul, "fp32_precision")


@pytest.mark.parametrize("choose", [legacy("high"), legacy("medium"), *([current("tf32")] if MODERN else [])])
def test_precision_is_full_and_then_as_it_was(choose: Callable[[], None]) -> None:
    """Also where the user chose it with the newer of torch's two ways, which do not mix."""
    backends = torch.backends
    parts = (
        [backends.cuda.matmul, backends.cudnn.conv, backends.mkldnn.matmul, backends.mkldnn.conv] if MODERN else []
    )
    old = [backends.cuda.matmul, backends.cudnn]

    def settings() -> list[object]:
        return [part.fp32_precision for part in parts] if MODERN else [part.allow_tf32 for part in old]

    at_first = settings()
    try:
        choose()
        chosen = settings()
        with full_precision():
            assert settings() == (["ieee"] * 4 if MODERN else [False] * 2)
        assert settings() == chosen
        with pytest.raises(ZeroDivisionError), full_precision():
            raise ZeroDivisionError
        assert settings() == chosen != at_first
    finally:
        legacy("highest")()
        if MODERN:
            backends.fp32_precision = "none"
            for part, value in zip(parts, at_first, strict=True):
                part.fp32_precision = value
    assert settings() == at_first
