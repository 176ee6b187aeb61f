from __future__ import annotations

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from small_models import InDouble, batch_norm_net, goals, linear_model
from torch import Tensor, nn

from hypo.attacks.adversarial import Adversarial
from hypo.attacks.goal import Goal, PerExample
from hypo.attacks.hypocritical import Hypocritical
from hypo.attacks.margin import Margin
from hypo.attacks.model_state import attacked
from hypo.attacks.projected_gradient import ProjectedGradient
from hypo.attacks.stability import Stability
from hypo.attacks.targeted import Targeted
from hypo.datasets.images import ImageData
from hypo.errors import InputError
from hypo.threat_models.l2 import L2
from hypo.threat_models.linf import Linf
from hypo.threat_models.threat_model import ThreatModel

PIXELS = 12
FGSM = ProjectedGradient(steps=1, relative_step=1, start="clean")
# From the far side of the sphere the direction across shrinks by 1/1.25 a step: 0.8^80 < 1e-7.
THOROUGH = ProjectedGradient(steps=80)

threat_kinds = st.sampled_from([Linf, L2])
starts = st.sampled_from(["uniform", "gaussian", "clean"])
seeds = st.integers(0, 10_000)


def random_generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def interior_images(random: torch.Generator, batch: int = 6) -> Tensor:
    """So far from 0 and 1 that no small ball around them reaches there."""
    return 0.4 + 0.2 * torch.rand(batch, 1, 3, 4, generator=random)


def dual_norm(kind: type, weight: Tensor) -> Tensor:
    return weight.norm(p=1 if kind is Linf else 2)


def two_classes(random: torch.Generator, images: Tensor) -> tuple[nn.Module, Tensor, Tensor]:
    """A linear model, the weight of its margin z₀ − z₁, and that margin at the images, some of either sign."""
    weight = torch.randn(2, PIXELS, generator=random)
    w = weight[0] - weight[1]
    bias = torch.tensor([-float(images.flatten(1).mean(0) @ w), 0.0])
    return linear_model(weight, bias), w, images.flatten(1) @ w + bias[0]


@given(threat_kinds, seeds, st.floats(1e-3, 0.2), st.sampled_from(["adversarial", "hypocritical"]))
@settings(max_examples=25)
def test_the_best_margin_of_a_linear_model_is_reached(kind: type, seed: int, epsilon: float, name: str) -> None:
    """The margin w·x gains ε‖w‖ in the dual norm, and no more."""
    random = random_generator(seed)
    images = interior_images(random)
    model, w, margin = two_classes(random, images)
    goal = goals(torch.zeros(len(images), dtype=torch.long))[name]
    clean = -margin if name == "adversarial" else margin
    perturbed = THOROUGH.best(model, images, goal, kind(epsilon), random)
    torch.testing.assert_close(
        goal.margin(model(perturbed)), clean + epsilon * dual_norm(kind, w), rtol=1e-4, atol=1e-5
    )


@given(threat_kinds, seeds)
@settings(max_examples=25)
def test_one_full_step_is_all_that_a_linear_model_takes(kind: type, seed: int) -> None:
    random = random_generator(seed)
    images = interior_images(random)
    model, w, margin = two_classes(random, images)
    labels = torch.zeros(len(images), dtype=torch.long)
    perturbed = FGSM.last(model, images, Adversarial(labels), kind(0.1), random)
    reached = Adversarial(labels).margin(model(perturbed))
    torch.testing.assert_close(reached, -margin + 0.1 * dual_norm(kind, w), rtol=1e-4, atol=1e-5)


@given(threat_kinds, seeds, st.integers(3, 6))
@settings(max_examples=25)
def test_the_best_margin_with_many_classes_is_reached(kind: type, seed: int, classes: int) -> None:
    """All classes but the target have the same weights, so that only biases decide between them."""
    random = random_generator(seed)
    images = interior_images(random)
    weight = torch.zeros(classes, PIXELS)
    weight[2] = torch.randn(PIXELS, generator=random)
    bias = torch.randn(classes, generator=random)
    model = linear_model(weight, bias)
    targets = torch.full((len(images),), 2)
    others = bias[torch.arange(classes) != 2].max()
    clean = images.flatten(1) @ weight[2] + bias[2] - others
    perturbed = THOROUGH.best(model, images, Targeted(targets), kind(0.1), random)
    best = clean + 0.1 * dual_norm(kind, weight[2])
    torch.testing.assert_close(Targeted(targets).margin(model(perturbed)), best, rtol=1e-4, atol=1e-5)


@given(threat_kinds, seeds)
@settings(max_examples=25)
def test_success_comes_exactly_when_epsilon_exceeds_the_distance_of_the_boundary(kind: type, seed: int) -> None:
    random = random_generator(seed)
    images = interior_images(random, batch=1)
    model, w, margin = two_classes(random, images)
    bias = 0.01 + 0.1 * torch.rand(1, generator=random)  # a margin of known size, on the right side
    with torch.no_grad():
        model[1].bias[0] += bias.item() * float(dual_norm(kind, w)) - float(margin)
    distance = bias.item()
    labels = torch.zeros(1, dtype=torch.long)
    for epsilon, succeeds in [(0.98 * distance, False), (1.02 * distance, True)]:
        perturbed = THOROUGH.best(model, images, Adversarial(labels), kind(epsilon), random_generator(seed))
        assert (model(perturbed).argmax(1) != labels).item() is succeeds
        # The false friend's task is the mirror image.
        friendly = THOROUGH.best(model, images, Hypocritical(1 - labels), kind(epsilon), random_generator(seed))
        assert (model(friendly).argmax(1) == 1 - labels).item() is succeeds


@given(threat_kinds, starts, seeds, st.floats(0.01, 0.6))
@settings(max_examples=40)
def test_results_lie_in_the_ball_and_in_the_image_range(kind: type, start: str, seed: int, epsilon: float) -> None:
    random = random_generator(seed)
    images = torch.rand(5, 1, 8, 8, generator=random)
    images[0] = images[0].round()
    labels = torch.randint(4, (5,), generator=random)
    attack = ProjectedGradient(steps=3, start=start, restarts=2)  # type: ignore[arg-type]
    model, threat_model = batch_norm_net(), kind(epsilon)
    for search in (attack.last, attack.best):
        perturbed = search(model, images, Hypocritical(labels), threat_model, random)
        assert threat_model.distance(perturbed, images).max() <= epsilon + 1e-6
        assert perturbed.min() >= 0
        assert perturbed.max() <= 1
        assert not perturbed.requires_grad


@pytest.mark.parametrize("start", ["uniform", "gaussian", "clean"])
@pytest.mark.parametrize("kind", [Linf, L2])
@pytest.mark.parametrize("name", ["adversarial", "hypocritical"])
def test_best_is_never_worse_than_clean_start_end_or_fewer_restarts(
    digits: ImageData, digits_cnn: nn.Module, start: str, kind: type, name: str
) -> None:
    images, labels = digits.test.images[:60].float() / 16, digits.test.labels[:60]
    threat_model: ThreatModel = kind(0.1 if kind is Linf else 0.4)
    goal = goals(labels)[name]

    model = InDouble(copy.deepcopy(digits_cnn))

    def margin(points: Tensor) -> Tensor:
        with torch.no_grad():
            return goal.margin(model(points))

    def attack(restarts: int) -> ProjectedGradient:
        return ProjectedGradient(steps=3, restarts=restarts, start=start)  # type: ignore[arg-type]

    one = attack(1).best(model, images, goal, threat_model, random_generator())
    three = attack(3).best(model, images, goal, threat_model, random_generator())
    noise = torch.randn(images.shape, generator=random_generator())
    began = threat_model.project(attack(1).starting_point(images, goal, threat_model, noise), images)
    assert (margin(one) >= margin(images)).all()
    assert (margin(one) >= margin(began)).all()
    assert (margin(three) >= margin(one)).all()
    assert margin(one).sum() > margin(images).sum()
    if start != "clean":
        assert margin(three).sum() > margin(one).sum()
    if start != "gaussian":  # there `last` begins outside the ball
        last = attack(1).last(model, images, goal, threat_model, random_generator())
        assert (margin(one) >= margin(last)).all()


@pytest.mark.parametrize("kind", [Linf, L2])
def test_restarts_start_again_from_the_images(digits: ImageData, digits_mlp: nn.Module, kind: type) -> None:
    """The second restart is the search that begins with the generator's next noise."""
    images, labels = digits.test.images[:40].float() / 16, digits.test.labels[:40]
    threat_model, goal = kind(0.1), Adversarial(labels)
    single = ProjectedGradient(steps=4)
    random = random_generator()
    searches = [single.best(digits_mlp, images, goal, threat_model, random) for _ in range(2)]
    margins = torch.stack([goal.margin(digits_mlp(points)) for points in searches])
    expected = torch.stack(searches)[margins.argmax(0), torch.arange(40)]
    both = ProjectedGradient(steps=4, restarts=2).best(digits_mlp, images, goal, threat_model, random_generator())
    assert torch.equal(both, expected)


@pytest.mark.parametrize("kind", [Linf, L2])
@pytest.mark.parametrize("batch", [1, 7])
def test_steps_do_not_depend_on_the_batch(
    digits: ImageData, digits_cnn: nn.Module, kind: type, batch: int
) -> None:
    """An averaged loss would divide the gradient by the batch size, and rounding decide for small ones."""
    model = InDouble(copy.deepcopy(digits_cnn))
    images, labels = digits.test.images[:50].float() / 16, digits.test.labels[:50]
    noise = torch.randn(images.shape, generator=random_generator())
    threat_model, attack = kind(0.2), ProjectedGradient()

    def search(part: slice) -> Tensor:
        goal = PerExample(labels[part] > 4, Adversarial(labels[part]), Hypocritical(labels[part]))
        points = attack.starting_point(images[part], goal, threat_model, noise[part])
        for number in range(5):
            points, _ = attack.step(model, points, images[part], goal, threat_model, noise[part], number)
        return points

    with attacked(model):
        together = search(slice(50))
        apart = torch.cat([search(slice(begin, begin + batch)) for begin in range(0, 50, batch)])
    torch.testing.assert_close(together, apart, rtol=0, atol=1e-6)


def test_the_gradient_that_is_followed_is_of_the_sum() -> None:
    """In ℓ2 a gradient so small that its mean over the batch underflows still gives a full step."""
    images = torch.full((1000, 1, 3, 4), 0.5)
    weight = torch.zeros(2, PIXELS)
    weight[0, 0] = 2e-43  # a few of float32's smallest steps; a thousandth of it is zero
    labels = torch.zeros(1000, dtype=torch.long)
    perturbed = FGSM.last(linear_model(weight), images, Hypocritical(labels), L2(0.1), random_generator())
    expected = images.clone()
    expected[:, 0, 0, 0] += 0.1
    torch.testing.assert_close(perturbed, expected)


@pytest.mark.parametrize("kind", [Linf, L2])
@pytest.mark.parametrize("start", ["clean", "uniform"])
def test_saturated_examples_keep_moving(kind: type, start: str) -> None:
    """At a margin of 110 the cross-entropy's gradient is exactly 0 in float32."""
    images = interior_images(random_generator())
    weight = torch.randn(2, PIXELS, generator=random_generator(1))
    model = linear_model(weight, torch.tensor([110.0, 0.0]))
    goal = Adversarial(torch.zeros(len(images), dtype=torch.long))
    threat_model = kind(0.05)
    noise = torch.randn(images.shape, generator=random_generator(2))
    attack = ProjectedGradient(start=start)  # type: ignore[arg-type]
    points = attack.starting_point(images, goal, threat_model, noise)
    with attacked(model):
        for number in range(6):
            moved, logits = attack.step(model, points, images, goal, threat_model, noise, number)
            assert (goal.margin(logits) < -104).all()
            assert torch.isfinite(moved).all()
            assert (threat_model.distance(moved, points) > 1e-4).all()
            points = moved
    again = attack.last(model, images, goal, threat_model, random_generator(3))
    assert torch.equal(again, attack.last(model, images, goal, threat_model, random_generator(3)))


def test_only_the_stalled_example_of_a_batch_moves_at_random() -> None:
    images = interior_images(random_generator(), batch=2)
    weight = torch.randn(2, PIXELS, generator=random_generator(1))
    model = linear_model(weight)
    goal = PerExample(
        torch.tensor([True, False]), Stability(model(images).detach()), Targeted(torch.tensor([0, 0]))
    )
    noise = torch.randn(images.shape, generator=random_generator(2))
    attack = ProjectedGradient(start="clean", relative_step=1)
    with attacked(model):
        moved, _ = attack.step(model, images, images, goal, Linf(0.01), noise, 0)
    # From x itself the divergence from p(x) has gradient 0, at its minimum.
    torch.testing.assert_close(moved[0], images[0] + 0.01 * noise[0].flatten().roll(1).view(1, 3, 4).sign())
    toward = (weight[0] - weight[1]).view(1, 3, 4).sign()
    torch.testing.assert_close(moved[1], images[1] + 0.01 * toward)


def test_stability_from_the_clean_image_leaves_it(digits: ImageData, digits_mlp: nn.Module) -> None:
    images = digits.test.images[:100].float() / 16
    goal = Stability(digits_mlp(images).detach())
    attack = ProjectedGradient(start="clean")
    perturbed = attack.best(digits_mlp, images, goal, Linf(0.1), random_generator())
    moved = digits_mlp(perturbed).argmax(1) != digits_mlp(images).argmax(1)
    assert moved.float().mean() > 0.2


def test_targeted_at_the_label_is_the_hypocritical_attack(digits: ImageData, digits_mlp: nn.Module) -> None:
    images, labels = digits.test.images[:50].float() / 16, digits.test.labels[:50]
    attack = ProjectedGradient(steps=5)
    found = [
        attack.best(digits_mlp, images, goal, Linf(0.1), random_generator())
        for goal in (Targeted(labels), Hypocritical(labels))
    ]
    assert torch.equal(*found)


@pytest.mark.parametrize("search", ["last", "best"])
@pytest.mark.parametrize("goal_name", ["adversarial", "hypocritical"])
def test_the_model_is_left_as_it_was_found(search: str, goal_name: str) -> None:
    model = batch_norm_net()
    model.train()
    model[1].eval()  # someone fixed the batch-norm statistics
    model[0].bias.requires_grad_(False)  # and froze a parameter
    model[5].weight.grad = torch.ones_like(model[5].weight)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    images = torch.rand(6, 1, 8, 8, generator=random_generator())
    goal: Goal = goals(torch.arange(6) % 4)[goal_name]
    attack = ProjectedGradient(steps=2)
    getattr(attack, search)(model, images, goal, Linf(0.1), random_generator())
    assert [module.training for module in model] == [True, False, True, True, True, True]
    assert [name for name, p in model.named_parameters() if not p.requires_grad] == ["0.bias"]
    assert [name for name, p in model.named_parameters() if p.grad is not None] == ["5.weight"]
    assert torch.equal(model[5].weight.grad, torch.ones_like(model[5].weight))
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


def test_the_attack_sees_the_model_in_eval_mode() -> None:
    """With batch-norm at its running statistics and without dropout, train and eval mode give the same attack."""
    images = torch.rand(6, 1, 8, 8, generator=random_generator())
    model, attack = batch_norm_net(), ProjectedGradient(steps=3)
    goal = Adversarial(torch.arange(6) % 4)
    found = [attack.best(model.train(mode), images, goal, Linf(0.1), random_generator()) for mode in (True, False)]
    assert torch.equal(*found)


def test_the_model_is_restored_when_the_attack_fails() -> None:
    model = batch_norm_net().train()
    goal = Adversarial(torch.full((2,), 99))  # no such class
    with pytest.raises((IndexError, RuntimeError)):
        ProjectedGradient().last(model, torch.rand(2, 1, 8, 8), goal, Linf(0.1), random_generator())
    assert all(module.training for module in model.modules())
    assert all(parameter.requires_grad for parameter in model.parameters())


def test_starting_points() -> None:
    images = interior_images(random_generator())
    noise = torch.randn(images.shape, generator=random_generator(1))
    labels = torch.zeros(len(images), dtype=torch.long)

    def started(name: str, goal: Goal) -> torch.Tensor:
        return ProjectedGradient(start=name).starting_point(images, goal, Linf(0.01), noise)  # type: ignore[arg-type]

    start = {name: started(name, Adversarial(labels)) for name in ("clean", "gaussian", "uniform")}
    assert torch.equal(start["clean"], images)
    assert torch.equal(start["gaussian"], images + 0.01 * noise)
    assert Linf(0.01).distance(start["gaussian"], images).max() > 0.01  # unprojected, as in the authors' code
    torch.testing.assert_close(start["uniform"], images + Linf(0.01).uniform(noise))
    # The authors' code: adversarial and targeted attacks in the ball, hypocritical and stability ones beside x.
    stability = Stability(torch.randn(len(images), 2))
    for goal, name in (
        (Adversarial(labels), "uniform"),
        (Targeted(labels), "uniform"),
        (Hypocritical(labels), "gaussian"),
        (stability, "gaussian"),
        (Margin(Hypocritical(labels)), "gaussian"),
    ):
        assert torch.equal(started("authors_code", goal), start[name])
    first = torch.arange(len(images)) == 0
    mixed = started("authors_code", PerExample(first, Hypocritical(labels), Adversarial(labels)))
    assert torch.equal(mixed[:1], start["gaussian"][:1])
    assert torch.equal(mixed[1:], start["uniform"][1:])


def test_steps_have_the_length_that_was_asked_for() -> None:
    images = interior_images(random_generator())
    model = linear_model(torch.randn(2, PIXELS, generator=random_generator(1)))
    goal = Hypocritical(torch.zeros(len(images), dtype=torch.long))
    noise = torch.zeros_like(images)
    for threat_model in (Linf(0.1), L2(0.1)):
        with attacked(model):
            moved, _ = ProjectedGradient(relative_step=0.25).step(
                model, images, images, goal, threat_model, noise, 0
            )
        distance = threat_model.distance(moved, images)
        torch.testing.assert_close(distance, torch.full((len(images),), 0.025))


@pytest.mark.parametrize(
    ("setting", "value"),
    [("steps", 0), ("steps", 1.5), ("relative_step", 0), ("relative_step", -1), ("restarts", 0), ("start", "no")],
)
def test_settings_are_checked(setting: str, value: object) -> None:
    with pytest.raises(InputError, match=f"^{setting}: takes"):
        ProjectedGradient(**{setting: value})  # type: ignore[arg-type]
