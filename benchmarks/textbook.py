"""THRM as it is usually written: PIL images through a DataLoader, `loss.backward()` everywhere."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from hypo.datasets.images import ImageData
from hypo.training.recipe import Recipe


class PilImages(torch.utils.data.Dataset[Any]):
    """The training images as torchvision's data sets hold them: one PIL image at a time, then transformed."""

    def __init__(self, data: ImageData, recipe: Recipe) -> None:
        from torchvision import transforms

        # (examples, height, width, channels), and 8 bits whatever the data set's own maximum is.
        rows = data.train.images[:].permute(0, 2, 3, 1).numpy()
        self.rows = np.round(rows * (255 / data.maximum)).astype(np.uint8)
        self.labels = data.train.labels.tolist()
        crop = [transforms.RandomCrop(rows.shape[1:3], recipe.crop_padding)] if recipe.crop_padding else []
        flip = [transforms.RandomHorizontalFlip()] if recipe.flip else []
        self.transform = transforms.Compose([*crop, *flip, transforms.ToTensor()])

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        from PIL import Image

        row = self.rows[index]
        return self.transform(Image.fromarray(row[:, :, 0] if row.shape[2] == 1 else row)), self.labels[index]


def batches(data: ImageData, recipe: Recipe, workers: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Shuffled batches, epoch after epoch without end."""
    loader = torch.utils.data.DataLoader(
        PilImages(data, recipe),
        batch_size=recipe.batch,
        shuffle=True,
        drop_last=True,
        num_workers=workers,
        persistent_workers=workers > 0,
    )
    while True:
        yield from loader


def thrm_step(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    images: Tensor,
    labels: Tensor,
    *,
    epsilon: float,
    lambda_: float,
    steps: int,
    step_size: float,
) -> float:
    """One step of THRM; the attack's `backward()` leaves gradients on the parameters, which nobody needs."""
    model.eval()
    perturbed = images + torch.empty_like(images).uniform_(-epsilon, epsilon)
    perturbed = perturbed.clamp(0, 1)
    for _ in range(steps):
        perturbed = perturbed.detach().requires_grad_()
        loss = F.cross_entropy(model(perturbed), labels)
        loss.backward()  # type: ignore[no-untyped-call]
        assert perturbed.grad is not None
        perturbed = perturbed.detach() - step_size * perturbed.grad.sign()
        perturbed = torch.min(torch.max(perturbed, images - epsilon), images + epsilon).clamp(0, 1)
    model.train()
    optimizer.zero_grad()
    clean_logits, perturbed_logits = model(images), model(perturbed.detach())
    penalty = F.kl_div(
        F.log_softmax(perturbed_logits, dim=1), F.softmax(clean_logits, dim=1), reduction="batchmean"
    )
    loss = F.cross_entropy(clean_logits, labels) + lambda_ * penalty
    loss.backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    return loss.item()
