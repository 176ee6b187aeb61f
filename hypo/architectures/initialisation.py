"""How weights begin."""

from __future__ import annotations

from torch import nn


def he_initialised(network: nn.Module) -> nn.Module:
    """`network`, its convolutions drawn anew from N(0, 2 / fan_out), without bias (He et al., ICCV 2015).

    Batch-norm begins at scale 1 and shift 0, linear layers as PyTorch has them, U(±1/√fan_in).
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    return network
