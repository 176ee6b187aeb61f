"""Radii that were stopped half way are found from there on, and are the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from small_models import InDouble
from test_radius import PGD, of_digits
from torch import nn

from hypo.attacks.searches.fast_minimum_norm import FastMinimumNorm
from hypo.attacks.threat_models.linf import Linf
from hypo.datasets.images import ImageData
from hypo.measurements.radius import Radius


@dataclass
class Memory:
    """Keeps what it is given."""

    parts: dict[str, dict[str, np.ndarray]] = field(default_factory=dict)

    def get(self, name: str) -> Mapping[str, np.ndarray] | None:
        return self.parts.get(name)

    def put(self, name: str, arrays: Mapping[str, np.ndarray]) -> None:
        self.parts[name] = {key: array.copy() for key, array in arrays.items()}


def test_what_was_stopped_goes_on_where_it_was_and_says_how_far_it_is(
    digits: ImageData, digits_mlp: nn.Module
) -> None:
    """Whatever the batches are: of the first twenty examples in one, of the others in two."""
    search, model = FastMinimumNorm(steps=4), InDouble(digits_mlp)
    whole = of_digits(digits, model, Linf(0.06), count=50, batch=20)
    told: list[tuple[int, int]] = []
    expected = Radius(search).measure(replace(whole, progress=lambda *done: told.append(done)))
    digits_mlp.float()
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert told[-1][0] == told[-1][1] == 50 * (2 * 4 + 6 * 20)

    def stop(done: int, total: int) -> None:
        if done > total * 0.7:
            raise KeyboardInterrupt

    memory, model = Memory(), InDouble(digits_mlp)
    with pytest.raises(KeyboardInterrupt):
        Radius(search).measure(replace(whole, model=model, kept=memory, progress=stop))
    assert np.isfinite(memory.parts["radii"]["radius"]).sum() == 20
    again: list[tuple[int, int]] = []
    resumed = replace(whole, model=model, kept=memory, progress=lambda *done: again.append(done))
    found = Radius(search).measure(replace(resumed, evaluation=replace(PGD, batch=15)))
    digits_mlp.float()
    assert again[0][0] > 15 * (2 * 4 + 6 * 20)
    np.testing.assert_allclose(found.columns["radius"].values, expected.columns["radius"].values, rtol=1e-6)
