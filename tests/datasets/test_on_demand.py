"""Images that stay in their files behave as a tensor of all of them, and never are one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from hypo.datasets.images import ImageData, Split
from hypo.datasets.on_demand import OnDemand


def numbered(file: str) -> np.ndarray:
    """An image for each name, which is a number."""
    return np.random.RandomState(int(file)).randint(256, size=(3, 4, 2)).astype(np.uint8)


FILES = tuple(map(str, range(7)))
IMAGES = OnDemand(FILES, (2, 3, 4), numbered)
TENSOR = torch.from_numpy(np.stack([numbered(file) for file in FILES])).permute(0, 3, 1, 2)


@pytest.mark.parametrize(
    "at",
    [
        3,
        -1,
        slice(None),
        slice(2, 5),
        slice(5, 99),
        slice(0, 0),
        torch.tensor([4, 0, 4]),
        torch.tensor([False, True, False, False, True, True, False]),
    ],
    ids=str,
)
def test_it_is_indexed_like_a_tensor(at: int | slice | torch.Tensor) -> None:
    found = IMAGES[at]
    assert torch.equal(found, TENSOR[at])
    assert found.dtype == torch.uint8
    if found.dim() == 4 and len(found):
        assert found.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(IMAGES.in_units_of(255)[at], TENSOR[at].float() / 255)


def test_it_has_the_shape_of_a_tensor() -> None:
    assert (IMAGES.shape, len(IMAGES)) == (TENSOR.shape, len(TENSOR))
    assert IMAGES[:0].shape == TENSOR[:0].shape


def test_the_device_is_that_of_what_is_decoded() -> None:
    assert IMAGES.to(torch.device("meta"))[:2].device.type == "meta"


def test_a_split_selects_moves_and_limits_without_decoding() -> None:
    def never(file: str) -> np.ndarray:
        raise AssertionError(file)

    split = Split(OnDemand(FILES, (2, 3, 4), never), torch.arange(7))
    limited, indices = split.to(torch.device("cpu")).limited(3)
    assert isinstance(limited.images, OnDemand)
    assert limited.images.files == tuple(map(str, indices.tolist()))
    assert limited.labels.tolist() == indices.tolist()
    data = ImageData(split, limited, ("a",), 255, (0.5,) * 2, (0.5,) * 2)
    assert data.shape == (2, 3, 4)
    assert data.finer().train.images is split.images  # 8 bits have no finer levels


def test_the_subset_is_that_of_a_tensor() -> None:
    on_demand, _ = Split(IMAGES, torch.arange(7)).limited(4)
    in_memory, _ = Split(TENSOR, torch.arange(7)).limited(4)
    assert torch.equal(on_demand.images[:], in_memory.images[:])
    assert torch.equal(on_demand.labels, in_memory.labels)


def test_the_first_broken_file_is_the_error(tmp_path: Path) -> None:
    def broken(file: str) -> np.ndarray:
        raise ValueError(file)

    with pytest.raises(ValueError, match=r"^0$"):
        OnDemand(FILES, (2, 3, 4), broken)[:]
