"""Models with batch-norm, as they are attacked, and how they are looked at."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from hypo.attacks.folded import NORMS


def prepared(network: nn.Module) -> nn.Module:
    """In double precision, in `eval()` mode and frozen, with statistics as after a training."""
    random = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for norm in network.modules():
            if isinstance(norm, NORMS):
                for tensor in (norm.running_var, norm.weight):
                    if tensor is not None:
                        tensor.copy_(0.5 + torch.rand(tensor.shape, generator=random))
                for tensor in (norm.running_mean, norm.bias):
                    if tensor is not None:
                        tensor.copy_(torch.randn(tensor.shape, generator=random) / 3)
    for parameter in network.parameters():
        parameter.requires_grad_(False)
    return network.double().eval()


def images_for(size: int, channels: int = 3) -> Tensor:
    return torch.rand(4, channels, size, size, generator=torch.Generator().manual_seed(1)).double()


def looked_at(network: nn.Module, images: Tensor) -> tuple[Tensor, Tensor]:
    """The logits, and the gradient of some function of them."""
    images = images.clone().requires_grad_()
    logits = network(images)
    (gradient,) = torch.autograd.grad((logits * torch.arange(logits.shape[1])).sum(), images)
    return logits.detach(), gradient


def computing_otherwise(network: nn.Module) -> list[str]:
    """The modules that compute something else than their class says."""
    return [name for name, module in network.named_modules() if "forward" in vars(module)]


class Aside(nn.Module):
    """A convolution whose result is used beside the norm's."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution, self.norm = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)

    def forward(self, images: Tensor) -> Tensor:
        features = self.convolution(images)
        return self.norm(features) + features
