"""What the tests of several attacks begin with."""

from __future__ import annotations

import warnings
from types import ModuleType

import pytest
import torch
from torch import Tensor

from hypo.attacks.searches.projected_gradient import ProjectedGradient

PIXELS = 12
FGSM = ProjectedGradient(steps=1, relative_step=1, start="clean")


def random_generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def interior_images(random: torch.Generator, batch: int = 6) -> Tensor:
    """So far from 0 and 1 that no small ball around them reaches there."""
    return 0.4 + 0.2 * torch.rand(batch, 1, 3, 4, generator=random)


def imported(name: str) -> ModuleType:
    """An oracle with its deprecated habits; its tests are skipped where it is not installed."""
    package = name.partition(".")[0].replace("_", "-")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip(
            name, reason=f"{package} is an oracle only: pip install --no-deps {package}", exc_type=ImportError
        )
