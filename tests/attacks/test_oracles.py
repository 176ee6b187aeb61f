"""Other people's attacks on the same models: the same steps lead to the same pixels, and we are never weaker."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable

import pytest
import torch
from small_attacks import imported
from small_models import InDouble, goals
from torch import Tensor, nn

from hypo.attacks.searches.projected_gradient import ProjectedGradient
from hypo.attacks.searches.search import best
from hypo.attacks.threat_models.l2 import L2
from hypo.attacks.threat_models.linf import Linf
from hypo.datasets.images import ImageData
from hypo.measurements.evaluation import Evaluation, evaluate

STEPS = 10
RELATIVE_STEP = 0.25
EXAMPLES = 250
EPSILON = {Linf: 0.08, L2: 0.5}
PIXEL_TOLERANCE = 1e-6

RANDOM_START_TOLERANCE = 2
"""Examples in favour of the oracle that different random starting points may make."""


@pytest.fixture(params=["mlp", "cnn"])
def model(request: pytest.FixtureRequest) -> nn.Module:
    """Computed in float64, because the sign of a gradient that is almost zero hangs on its last digit."""
    return InDouble(copy.deepcopy(request.getfixturevalue(f"digits_{request.param}"))).eval()


@pytest.fixture(params=[Linf, L2], ids=["linf", "l2"])
def kind(request: pytest.FixtureRequest) -> type:
    return request.param


@pytest.fixture(params=["adversarial", "hypocritical"])
def goal_name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def examples(digits: ImageData) -> tuple[Tensor, Tensor]:
    return digits.test.images[:EXAMPLES].float().contiguous() / digits.maximum, digits.test.labels[:EXAMPLES]


def ours(
    model: nn.Module,
    examples: tuple[Tensor, Tensor],
    kind: type,
    goal_name: str,
    search: Callable[..., Tensor] = ProjectedGradient.last,
) -> Tensor:
    """The same budget, from the clean image."""
    attack = ProjectedGradient(steps=STEPS, relative_step=RELATIVE_STEP, start="clean")
    images, labels = examples
    goal = goals(labels)[goal_name]
    return search(attack, model, images, goal, kind(EPSILON[kind]), torch.Generator())


def foolbox_pgd(
    model: nn.Module, examples: tuple[Tensor, Tensor], kind: type, goal_name: str, random_start: bool
) -> Tensor:
    foolbox = imported("foolbox")
    images, labels = examples
    attacks = {Linf: foolbox.attacks.LinfPGD, L2: foolbox.attacks.L2PGD}
    criteria = {
        "adversarial": foolbox.criteria.Misclassification,
        "hypocritical": foolbox.criteria.TargetedMisclassification,  # to the true label
    }
    attack = attacks[kind](rel_stepsize=RELATIVE_STEP, steps=STEPS, random_start=random_start)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wrapped = foolbox.PyTorchModel(model, bounds=(0, 1), device="cpu")
        return attack.run(wrapped, images, criteria[goal_name](labels), epsilon=EPSILON[kind])


def torchattacks_pgd(
    model: nn.Module, examples: tuple[Tensor, Tensor], kind: type, goal_name: str, random_start: bool
) -> Tensor:
    torchattacks = imported("torchattacks")
    attacks = {Linf: torchattacks.PGD, L2: torchattacks.PGDL2}
    epsilon = EPSILON[kind]
    attack = attacks[kind](
        model, eps=epsilon, alpha=RELATIVE_STEP * epsilon, steps=STEPS, random_start=random_start
    )
    if goal_name == "hypocritical":
        attack.set_mode_targeted_by_label(quiet=True)
    return attack(*examples)


ORACLES = {"foolbox": foolbox_pgd, "torchattacks": torchattacks_pgd}


@pytest.fixture(params=sorted(ORACLES))
def oracle(request: pytest.FixtureRequest):
    imported(request.param)
    return ORACLES[request.param]


def correct(model: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
    with torch.no_grad():
        return model(images).argmax(1) == labels


def test_the_last_iterate_is_the_oracles_pixel_for_pixel(oracle, model, examples, kind, goal_name) -> None:
    """From the clean image nothing is random: same gradient, same step, same projection, same order."""
    expected = oracle(model, examples, kind, goal_name, random_start=False)
    found = ours(model, examples, kind, goal_name)
    torch.testing.assert_close(found, expected, rtol=0, atol=PIXEL_TOLERANCE)
    moved = kind(1).distance(found, examples[0])
    assert (moved > 0.5 * EPSILON[kind]).float().mean() > 0.9  # else standing still would do as well


def test_success_on_the_same_path_is_the_oracles(oracle, model, examples, kind, goal_name) -> None:
    images, labels = examples
    wanted = goal_name == "hypocritical"
    theirs = correct(model, oracle(model, examples, kind, goal_name, random_start=False), labels) == wanted
    last = correct(model, ours(model, examples, kind, goal_name), labels) == wanted
    found = correct(model, ours(model, examples, kind, goal_name, best), labels) == wanted
    assert torch.equal(last, theirs)
    assert (found | ~theirs).all()  # we count every point on the way, they the last one
    clean = correct(model, images, labels) == wanted
    assert theirs.sum() > clean.sum()  # else the comparison says nothing


def test_with_random_starts_the_evaluation_is_not_weaker(oracle, model, digits, kind, goal_name) -> None:
    """A and F of a whole evaluation against the oracle on every example."""
    test = digits.test.select(torch.arange(EXAMPLES))
    examples = test.images.float().contiguous() / digits.maximum, test.labels
    torch.manual_seed(0)
    flags = evaluate(
        model,
        test,
        digits.maximum,
        kind(EPSILON[kind]),
        Evaluation(ProjectedGradient(steps=STEPS, relative_step=RELATIVE_STEP)),
        seed=0,
    )
    after = correct(model, oracle(model, examples, kind, goal_name, random_start=True), examples[1]).numpy()
    if goal_name == "adversarial":
        broken = ~after | ~flags.correct  # the clean image is a candidate, for the oracle too
        assert flags.adv.sum() >= broken.sum() - RANDOM_START_TOLERANCE
        assert (flags.adv != broken).sum() <= 0.03 * EXAMPLES
    else:
        hidden = after | flags.correct
        assert flags.hyp.sum() >= hidden.sum() - RANDOM_START_TOLERANCE
        assert (flags.hyp != hidden).sum() <= 0.03 * EXAMPLES


@pytest.mark.parametrize("library", ["foolbox", "torchattacks"])
def test_fgsm_is_the_oracles_pixel_for_pixel(library: str, model: nn.Module, examples) -> None:
    module = imported(library)
    images, labels = examples
    if library == "torchattacks":
        expected = module.FGSM(model, eps=0.1)(images, labels)
    else:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            wrapped = module.PyTorchModel(model, bounds=(0, 1), device="cpu")
        expected = module.attacks.LinfFastGradientAttack().run(
            wrapped, images, module.criteria.Misclassification(labels), epsilon=0.1
        )
    fgsm = ProjectedGradient(steps=1, relative_step=1, start="clean")
    found = fgsm.last(model, images, goals(labels)["adversarial"], Linf(0.1), torch.Generator())
    torch.testing.assert_close(found, expected, rtol=0, atol=PIXEL_TOLERANCE)
