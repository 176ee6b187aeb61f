"""Random crops and flips of whole batches, where the batch lies."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def augment(images: Tensor, crop_padding: int, flip: bool, random: torch.Generator) -> Tensor:
    """Crop each image at random out of its zero-padded self, and mirror every second one.

    Args:
        images: (batch, channels, height, width) uint8, channels-last in memory.
        crop_padding: pixels of padding on each side; 0 leaves the images where they are.
        flip: whether to mirror left to right with probability 1/2.
        random: generator on the images' device.

    Returns:
        Images of the same shape, type and memory layout.
    """
    if not crop_padding and not flip:
        return images
    batch, _, height, width = images.shape
    device = images.device
    rows = torch.arange(height, device=device).expand(batch, height)
    columns = torch.arange(width, device=device).expand(batch, width)
    if flip:
        mirrored = torch.rand(batch, 1, generator=random, device=device) < 0.5
        columns = torch.where(mirrored, width - 1 - columns, columns)
    if crop_padding:
        shifts = torch.randint(2 * crop_padding + 1, (2, batch, 1), generator=random, device=device)
        rows, columns = rows + shifts[0], columns + shifts[1]
    padded = F.pad(images.permute(0, 2, 3, 1), (0, 0, *[crop_padding] * 4))
    example = torch.arange(batch, device=device)[:, None, None]
    return padded[example, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)
