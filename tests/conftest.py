"""What the tests of several folders share: data, and models that took a second to train."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import hypothesis
import pytest
import torch
from small_models import Stripes, quickly_trained
from torch import nn

from hypo.architectures.mlp import Mlp
from hypo.architectures.small_cnn import SmallCnn
from hypo.datasets.digits import Digits
from hypo.datasets.images import ImageData

# No test may fail because the machine is busy, and the same examples are tried every time.
hypothesis.settings.register_profile("hypo", deadline=None, derandomize=True, database=None, max_examples=50)
hypothesis.settings.load_profile("hypo")

torch.set_num_threads(1)  # the networks are so small that sharing their work costs more than it gains


def pytest_configure(config: pytest.Config) -> None:
    """What tests, and processes that they kill, put into the temporary folder lies in one that goes at the end."""
    if hasattr(config, "workerinput"):
        return  # a worker of pytest-xdist, which has it from the process that started it
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", tempfile.gettempdir())
    scratch = tempfile.mkdtemp(prefix="hypo-tests-")
    Path(scratch).chmod(0o1777)  # for whoever runs a daemon, as the folder that it stands for
    os.environ["TMPDIR"] = tempfile.tempdir = scratch
    config.add_cleanup(lambda: shutil.rmtree(scratch, ignore_errors=True))


@pytest.fixture(scope="session")
def digits() -> ImageData:
    return Digits().load()


@pytest.fixture(scope="session")
def stripes() -> ImageData:
    return Stripes().load()


@pytest.fixture(scope="session")
def digits_mlp(digits: ImageData) -> nn.Module:
    """About one mistake in ten on the test set; no test may change it."""
    torch.manual_seed(0)
    return quickly_trained(Mlp(hidden=(64,)).build(digits.shape, 10), digits, epochs=8)


@pytest.fixture(scope="session")
def digits_cnn(digits: ImageData) -> nn.Module:
    """About one mistake in ten on the test set; no test may change it."""
    torch.manual_seed(0)
    return quickly_trained(SmallCnn(channels=(8, 16), hidden=32).build(digits.shape, 10), digits, epochs=8)
