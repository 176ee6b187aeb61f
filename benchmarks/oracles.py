"""Attacks of other libraries, which may take as many passes as ours does: what do they find that we miss?

Settings and seeds are other ones than ours. Nothing here is told which examples we decided.
"""

from __future__ import annotations

import math
import sys
import types
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor, nn

from hypo.attacks.threat_models.l2 import L2
from hypo.attacks.threat_models.linf import Linf

SEED = 2026


@dataclass(frozen=True)
class Attacked:
    """What an oracle is given.

    Attributes:
        model: in `eval()` mode, from images in [0, 1] to logits.
        images: (examples, channels, height, width) in [0, 1].
        labels: (examples,) int64.
        ball: how far the images may be moved.
        hide: whether the prediction is to become the label; else any other.
        budget: how many passes through the model each example may take.
    """

    model: nn.Module
    images: Tensor
    labels: Tensor
    ball: Linf | L2
    hide: bool
    budget: int

    @property
    def in_l2(self) -> bool:
        """Whether the ball is one of ℓ2."""
        return isinstance(self.ball, L2)


Oracle = Callable[[Attacked], Tensor]
"""From what is attacked to perturbed images of the same shape, wherever they lie."""


def oracles(hide: bool, in_l2: bool) -> dict[str, Oracle]:
    """Those of the installed libraries that are for this goal and this norm."""
    found: dict[str, Oracle] = {"foolbox FMN": _foolbox_fmn, "foolbox PGD": _foolbox_pgd}
    if in_l2:
        found["foolbox DDN"] = _foolbox_ddn
    if find_spec("torchattacks") is not None:
        found["torchattacks Square"] = _torchattacks_square
        if not hide:  # its APGD knows no target
            found |= {"torchattacks APGD": _torchattacks_apgd, "torchattacks APGDT": _torchattacks_apgdt}
    if find_spec("adv_lib") is not None:
        found |= {"adv-lib FMN": _adv_lib_fmn, "adv-lib APGD": _adv_lib_apgd}
        if in_l2:
            found["adv-lib DDN"] = _adv_lib_ddn
        if not hide:
            found["adv-lib APGD, targets"] = _adv_lib_apgd_targets
    return found


def missing() -> list[str]:
    """A line for each library that is not installed; foolbox is among the development requirements."""
    return [
        f"{name} is not installed and left out; it comes with: pip install --no-deps {name}"
        for name in ("torchattacks", "adv-lib")
        if find_spec(name.replace("-", "_")) is None
    ]


def perturbed(oracle: Oracle, attacked: Attacked) -> Tensor:
    """What the oracle makes of the images, from random numbers of its own."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        return oracle(attacked).detach()


def _foolbox(attack: Any, attacked: Attacked) -> Tensor:
    from foolbox.criteria import Misclassification, TargetedMisclassification
    from foolbox.models.pytorch import PyTorchModel

    model = PyTorchModel(attacked.model, bounds=(0, 1), device=attacked.images.device)
    criterion = (TargetedMisclassification if attacked.hide else Misclassification)(attacked.labels)
    raw, _, _ = attack(model, attacked.images, criterion, epsilons=attacked.ball.epsilon)
    return raw


def _foolbox_fmn(attacked: Attacked) -> Tensor:
    from foolbox.attacks.fast_minimum_norm import L2FMNAttack, LInfFMNAttack

    fmn = L2FMNAttack if attacked.in_l2 else LInfFMNAttack
    return _foolbox(fmn(steps=attacked.budget, max_stepsize=1.0, gamma=0.05), attacked)


def _foolbox_pgd(attacked: Attacked) -> Tensor:
    from foolbox.attacks import L2PGD, LinfPGD

    restarts = max(1, attacked.budget // 40)
    pgd = (L2PGD if attacked.in_l2 else LinfPGD)(steps=attacked.budget // restarts, rel_stepsize=0.1)
    return _foolbox(pgd.repeat(restarts), attacked)


def _foolbox_ddn(attacked: Attacked) -> Tensor:
    from foolbox.attacks.ddn import DDNAttack

    return _foolbox(DDNAttack(steps=attacked.budget, init_epsilon=attacked.ball.epsilon), attacked)


def _torchattacks_norm(attacked: Attacked) -> dict[str, Any]:
    return {"norm": "L2" if attacked.in_l2 else "Linf", "eps": attacked.ball.epsilon, "seed": SEED}


def _torchattacks_apgd(attacked: Attacked) -> Tensor:
    from torchattacks import APGD

    apgd = APGD(attacked.model, steps=attacked.budget, loss="ce", **_torchattacks_norm(attacked))
    return apgd(attacked.images, attacked.labels)


def _torchattacks_apgdt(attacked: Attacked) -> Tensor:
    from torchattacks import APGDT

    targets = 3
    steps = attacked.budget // targets
    apgdt = APGDT(attacked.model, steps=steps, n_classes=targets + 1, **_torchattacks_norm(attacked))
    return apgdt(attacked.images, attacked.labels)


def _torchattacks_square(attacked: Attacked) -> Tensor:
    from torchattacks import Square

    square = Square(attacked.model, n_queries=attacked.budget, p_init=0.3, **_torchattacks_norm(attacked))
    if attacked.hide:
        square.set_mode_targeted_by_label(quiet=True)
    return square(attacked.images, attacked.labels)


def _adv_lib() -> Any:
    if "visdom" not in sys.modules and find_spec("visdom") is None:
        # adv-lib imports it for plots that nobody asks for here.
        sys.modules["visdom"] = types.ModuleType("visdom")
    import adv_lib.attacks

    return adv_lib.attacks


def _adv_lib_fmn(attacked: Attacked) -> Tensor:
    norm = 2 if attacked.in_l2 else math.inf
    return _adv_lib().fmn(
        attacked.model,
        attacked.images,
        attacked.labels,
        norm,
        targeted=attacked.hide,
        steps=attacked.budget,
        α_init=2.0,
        γ_init=0.1,
    )


def _adv_lib_ddn(attacked: Attacked) -> Tensor:
    return _adv_lib().ddn(
        attacked.model,
        attacked.images,
        attacked.labels,
        targeted=attacked.hide,
        steps=attacked.budget,
        init_norm=attacked.ball.epsilon,
        levels=None,
    )


def _adv_lib_apgd(attacked: Attacked) -> Tensor:
    restarts = 2
    return _adv_lib().apgd(
        attacked.model,
        attacked.images,
        attacked.labels,
        attacked.ball.epsilon,
        2 if attacked.in_l2 else math.inf,
        targeted=attacked.hide,
        n_iter=attacked.budget // restarts,
        n_restarts=restarts,
        loss_function="ce" if attacked.hide else "dlr",  # dlr of a class that is to win goes astray
    )


def _adv_lib_apgd_targets(attacked: Attacked) -> Tensor:
    targets = 4
    return _adv_lib().apgd_targeted(
        attacked.model,
        attacked.images,
        attacked.labels,
        attacked.ball.epsilon,
        2 if attacked.in_l2 else math.inf,
        n_iter=attacked.budget // targets,
        num_targets=targets,
    )
