"""How weights begin."""

from __future__ import annotations

from typing import Literal

from torch import nn

from hypo.settings import checks

Initialisation = Literal["torchvision", "authors_code"]
"""Torchvision's, which the paper of Tao et al. (2022) names, or that of their code."""


def he_initialised(
    network: nn.Module, initialisation: Initialisation, mode: Literal["fan_in", "fan_out"] = "fan_out"
) -> nn.Module:
    """`network`, its convolutions drawn anew from N(0, 2 / fan), without bias (He et al., ICCV 2015).

    Batch-norm begins at scale 1 and shift 0. Linear layers are left as PyTorch has them, U(±1/√fan_in); their
    biases begin at 0 in the code of Tao et al. 2022.

    Args:
        mode: which fan.
    """
    checks.choice("initialisation", initialisation, ("torchvision", "authors_code"))
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode=mode, nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.Linear) and initialisation == "authors_code":
            nn.init.zeros_(module.bias)
    return network
