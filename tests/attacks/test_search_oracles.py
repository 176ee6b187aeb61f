"""Other people's searches on the same models with the same budget: none finds more than ours of its name."""

from __future__ import annotations

import copy
import sys
import warnings
from collections.abc import Callable
from types import ModuleType

import pytest
import torch
from small_attacks import imported, random_generator
from small_models import InDouble
from torch import Tensor, nn

from hypo.attacks.goals.adversarial import Adversarial
from hypo.attacks.goals.goal import Goal
from hypo.attacks.goals.hypocritical import Hypocritical
from hypo.attacks.searches.auto_pgd import AutoPGD
from hypo.attacks.searches.decoupled_direction_norm import DecoupledDirectionNorm
from hypo.attacks.searches.fast_minimum_norm import FastMinimumNorm
from hypo.attacks.searches.search import Search, best
from hypo.attacks.searches.square import Square
from hypo.attacks.threat_models.l2 import L2
from hypo.attacks.threat_models.linf import Linf
from hypo.attacks.threat_models.threat_model import ThreatModel
from hypo.datasets.images import ImageData

EXAMPLES, STEPS, QUERIES, STEPS_A_TARGET = 120, 30, 200, 10

TOLERANCE = 2
"""Examples in favour of the oracle that chance may make."""

EPSILON = {("leave", Linf): 0.06, ("leave", L2): 0.3, ("want", Linf): 0.12, ("want", L2): 0.65}
"""At which some goals are reached and some not."""

Task = tuple[nn.Module, Tensor, Tensor, ThreatModel, bool]
"""A model, images, classes, how far, and whether the prediction is to become the class or any other."""

Attack = Callable[[Task, int], Tensor]
"""From a task and a budget to the points found."""


def l2_or_linf(ball: ThreatModel) -> str:
    return "L2" if isinstance(ball, L2) else "Linf"


def foolbox_attack(name: str) -> Attack:
    def found(task: Task, steps: int) -> Tensor:
        foolbox = imported("foolbox")
        model, images, classes, ball, wanted = task
        criteria = foolbox.criteria
        criterion = (criteria.TargetedMisclassification if wanted else criteria.Misclassification)(classes)
        full_name = name.replace("NORM", "L2" if isinstance(ball, L2) else "LInf")
        attack = getattr(foolbox.attacks, full_name)(steps=steps)
        wrapped = foolbox.PyTorchModel(model, bounds=(0, 1), device="cpu")
        return attack.run(wrapped, images, criterion)

    return found


def torchattacks_attack(name: str, **settings: object) -> Attack:
    def found(task: Task, steps: int) -> Tensor:
        module = imported("torchattacks")
        model, images, classes, ball, wanted = task
        assert not wanted
        budget = {"n_queries": steps} if name == "Square" else {"steps": steps}
        attack = getattr(module, name)(model, norm=l2_or_linf(ball), eps=ball.epsilon, **budget, **settings)
        return attack(images, classes)

    return found


def adv_lib_attack(name: str, **settings: object) -> Attack:
    def found(task: Task, steps: int) -> Tensor:
        attacks = adv_lib()
        model, images, classes, ball, wanted = task
        bounded = {"eps": ball.epsilon, "n_iter": steps} if name == "apgd" else {"steps": steps}
        norm = {} if name == "ddn" else {"norm": 2.0 if isinstance(ball, L2) else float("inf")}
        attack = getattr(attacks, name)
        return attack(model, images, classes, targeted=wanted, **bounded, **norm, **settings)

    return found


def adv_lib() -> ModuleType:
    """It draws pictures with `visdom`, which need not be there."""
    sys.modules.setdefault("visdom", ModuleType("visdom"))
    return imported("adv_lib.attacks")


FMN, DDN, CE = FastMinimumNorm(STEPS), DecoupledDirectionNorm(STEPS), AutoPGD(STEPS)
MARGIN, ONE_TARGET = AutoPGD(STEPS, objective="margin"), AutoPGD(STEPS, objective="targeted_dlr")
EVERY_TARGET = AutoPGD(9 * STEPS_A_TARGET, objective="targeted_dlr")

PAIRS: dict[str, tuple[Attack, int, Search]] = {
    "foolbox FMN": (foolbox_attack("NORMFMNAttack"), STEPS, FMN),
    "foolbox DDN": (foolbox_attack("DDNAttack"), STEPS, DDN),
    "torchattacks APGD": (torchattacks_attack("APGD", loss="ce"), STEPS, CE),
    "torchattacks APGD, DLR": (torchattacks_attack("APGD", loss="dlr"), STEPS, MARGIN),
    "torchattacks APGDT": (torchattacks_attack("APGDT", n_classes=10), STEPS_A_TARGET, EVERY_TARGET),
    "torchattacks Square": (torchattacks_attack("Square"), QUERIES, Square(QUERIES)),
    "adv-lib FMN": (adv_lib_attack("fmn"), STEPS, FMN),
    "adv-lib DDN": (adv_lib_attack("ddn", levels=None), STEPS, DDN),
    "adv-lib APGD": (adv_lib_attack("apgd", loss_function="ce"), STEPS, CE),
    "adv-lib APGD, DLR": (adv_lib_attack("apgd", loss_function="dlr"), STEPS, MARGIN),
    "adv-lib APGD, DLR of a target": (adv_lib_attack("apgd", loss_function="dlr"), STEPS, ONE_TARGET),
}
"""Each oracle, its budget, and what has its name here; for a DLR without a target the margin, undivided."""


def cases() -> list[tuple[str, type, str]]:
    """What the oracles can do: DDN is for ℓ2, and those of torchattacks only lead away from a class."""
    return [
        (oracle, kind, goal)
        for oracle in PAIRS
        for kind in (Linf, L2)
        for goal in ("leave", "want")
        if not ("DDN" in oracle and kind is Linf)
        and not ("torchattacks" in oracle and goal == "want")
        and not ("target" in oracle and goal == "leave")
        and not ("DLR" in oracle and "target" not in oracle and goal == "want")
    ]


@pytest.mark.parametrize("network", ["mlp", "cnn"])
@pytest.mark.parametrize(("oracle", "kind", "goal_name"), cases())
def test_it_finds_as_many_as_the_oracle(
    request: pytest.FixtureRequest, digits: ImageData, network: str, oracle: str, kind: type, goal_name: str
) -> None:
    model = InDouble(copy.deepcopy(request.getfixturevalue(f"digits_{network}"))).eval()
    images = digits.test.images[:EXAMPLES].float().contiguous() / digits.maximum
    ball, wanted = kind(EPSILON[goal_name, kind]), goal_name == "want"
    classes = (digits.test.labels[:EXAMPLES] + wanted) % 10
    goal: Goal = Hypocritical(classes) if wanted else Adversarial(classes)

    def reached(points: Tensor) -> int:
        with torch.no_grad():
            there = goal.margin(model(points)) > 0
        return int((there & (ball.distance(points, images) <= ball.epsilon + 1e-5)).sum())

    attack, budget, search = PAIRS[oracle]
    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = reached(attack((model, images, classes, ball, wanted), budget))
    ours = reached(best(search, model, images, goal, ball, random_generator()))
    assert ours >= theirs - TOLERANCE
    assert reached(images) < ours < EXAMPLES  # else the comparison says nothing
