"""Flags and costs of models that are small enough to work them out."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from small_models import batch_norm_net, linear_model
from torch import Tensor, nn

from hypo.attacks.searches.projected_gradient import ProjectedGradient
from hypo.attacks.threat_models.l2 import L2
from hypo.attacks.threat_models.linf import Linf
from hypo.datasets.images import ImageData, Split
from hypo.measurements.evaluation import Evaluation, evaluate
from hypo.measurements.pooled_search import compaction_steps
from hypo.measurements.risks import decided, risks
from hypo.settings.errors import DivergedError


class Counting(nn.Module):
    """Counts the images that pass through a model."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model
        self.passes = 0

    def forward(self, images: Tensor) -> Tensor:
        self.passes += len(images)
        return self.model(images)


def two_class_split(count: int) -> Split:
    images = torch.full((count, 1, 2, 2), 128, dtype=torch.uint8)
    return Split(images, torch.arange(count) % 2)


def test_decided_examples_cost_nothing_more() -> None:
    """A boundary right beside every image: all is decided by the first step."""
    model = Counting(linear_model(torch.tensor([[1.0] * 4, [-1.0] * 4]), torch.tensor([-4 * 128 / 255 + 1e-3, 0])))
    with torch.no_grad():
        model.model[1].bias[0] -= float(128 / 255 * 4)
    evaluation = Evaluation(ProjectedGradient(steps=20, relative_step=1, start="clean"))
    flags = evaluate(model, two_class_split(10), 255, Linf(0.1), evaluation, seed=0)
    assert flags.adv.all()
    assert flags.hyp.all()
    # Clean; the start, which is clean again; the first step's end. It left before the third.
    assert model.passes == 30


def test_undecided_examples_take_every_step_of_their_own_attacks_alone() -> None:
    """With a boundary out of reach: one attack on D⁺, two on D⁻."""
    model = Counting(linear_model(torch.tensor([[1.0] * 4, [-1.0] * 4]), torch.tensor([50.0, 0])))
    evaluation = Evaluation(ProjectedGradient(steps=20, restarts=2))
    split = two_class_split(10)
    flags = evaluate(model, split, 255, Linf(0.1), evaluation, seed=0)
    assert (flags.correct.sum(), flags.adv[flags.correct].sum(), flags.hyp[~flags.correct].sum()) == (5, 0, 0)
    restart = 20 + 1
    assert model.passes == 10 + 10 * 2 * restart + 5 * 2 * restart


@pytest.mark.parametrize("kind", [Linf, L2])
@pytest.mark.parametrize("objective", ["cross_entropy", "margin"])
def test_flags_at_the_boundary_of_a_linear_model_are_known(kind: type, objective: str) -> None:
    """Examples at known distances from the boundary: reached exactly when ε is larger."""
    distances = torch.linspace(0.01, 0.2, 20)
    images = ((0.5 + distances) * 1000).round().to(torch.int16).view(-1, 1, 1, 1)
    weight = torch.tensor([[1.0], [-1.0]])
    model = linear_model(weight, torch.tensor([-1.0, 0.0]))  # the boundary is at 0.5
    labels = torch.arange(20) % 2  # the first of every two is correct
    for epsilon in (0.005, 0.0555, 0.1234, 0.3):
        evaluation = Evaluation(ProjectedGradient(), objective=objective)  # type: ignore[arg-type]
        flags = evaluate(model, Split(images, labels), 1000, kind(epsilon), evaluation, seed=0)
        reachable = (images.flatten() / 1000 - 0.5).numpy() < epsilon
        np.testing.assert_array_equal(flags.adv[flags.correct], reachable[flags.correct])
        np.testing.assert_array_equal(flags.hyp[~flags.correct], reachable[~flags.correct])
        np.testing.assert_array_equal(flags.sta, reachable)


@pytest.mark.parametrize("kind", [Linf, L2])
@pytest.mark.parametrize("success", ["any_iterate", "last_iterate"])
def test_a_start_outside_of_the_ball_is_no_candidate(kind: type, success: str) -> None:
    """The Gaussian start of the authors' code strays by 0.01, here over a boundary that lies beyond ε."""
    model = linear_model(torch.tensor([[1.0], [-1.0]]), torch.tensor([-0.99, 0.0]))  # the boundary is at 0.495
    split = Split(torch.full((50, 1, 1, 1), 500, dtype=torch.int16), torch.arange(50) % 2)
    evaluation = Evaluation(ProjectedGradient(steps=1, start="gaussian"), success=success)  # type: ignore[arg-type]
    near = evaluate(model, split, 1000, kind(0.001), evaluation, seed=0)
    assert near.correct.sum() == 25
    assert not near.sta.any()
    far = evaluate(model, split, 1000, kind(0.02), evaluation, seed=0)
    assert far.sta.any()


@pytest.mark.parametrize("kind", [Linf, L2])
@pytest.mark.parametrize(("success", "strays"), [("any_iterate", False), ("last_iterate", True)])
def test_a_start_may_stray_where_the_end_alone_counts(kind: type, success: str, strays: bool) -> None:
    """As in the authors' code; the end itself is in the ball."""
    model = linear_model(torch.tensor([[1.0], [-1.0]]), torch.tensor([-0.9, 0.0]))
    seen: list[float] = []
    model.register_forward_hook(lambda module, inputs, output: seen.append((inputs[0] - 0.5).abs().max().item()))
    split = Split(torch.full((50, 1, 1, 1), 500, dtype=torch.int16), torch.ones(50, dtype=torch.long))
    attack = ProjectedGradient(steps=2, start="authors_code")
    evaluation = Evaluation(attack, success=success)  # type: ignore[arg-type]
    evaluate(model, split, 1000, kind(0.001), evaluation, seed=0)
    assert (max(seen) > 0.0011) == strays
    assert seen[-1] < 0.0011


def test_no_mistakes_and_only_mistakes() -> None:
    model = linear_model(torch.zeros(2, 4), torch.tensor([1.0, 0.0]))
    split = two_class_split(6)
    evaluation = Evaluation(ProjectedGradient(steps=2))
    for label, empty in [(0, "R_hyp_minus"), (1, "R_adv_plus")]:
        part = Split(split.images, torch.full((6,), label))
        shares = risks(evaluate(model, part, 255, Linf(0.1), evaluation, seed=0))
        assert (shares[empty].value, shares[empty].of) == (None, 0)


def test_the_model_is_left_as_it_was_found(stripes: ImageData) -> None:
    model = batch_norm_net().train()
    model[1].eval()
    model[0].bias.requires_grad_(False)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    evaluate(model, stripes.test, 255, Linf(0.1), Evaluation(ProjectedGradient(steps=2)), seed=0)
    assert [module.training for module in model] == [True, False, True, True, True, True]
    assert [name for name, p in model.named_parameters() if not p.requires_grad] == ["0.bias"]
    assert all(p.grad is None for p in model.parameters())
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_model_without_finite_logits_is_refused(bad: float) -> None:
    model = linear_model(torch.ones(2, 4), torch.tensor([bad, 0.0])).train()
    with pytest.raises(DivergedError, match="logits are not finite"):
        evaluate(model, two_class_split(4), 255, Linf(0.1), Evaluation(ProjectedGradient()), seed=0)
    assert model.training
    assert all(p.requires_grad for p in model.parameters())


def test_compaction_is_frequent_at_first_and_rare_later() -> None:
    assert compaction_steps(1) == compaction_steps(10) == {1, 2, 4, 8}
    assert sorted(compaction_steps(30)) == [1, 2, 4, 8, 12, 17, 22, 27]


class Detour(nn.Module):
    """Classes 2, 1 and 0 one behind the other on [0, 1], where the way to class 0 leads downhill at first."""

    def forward(self, images: Tensor) -> Tensor:
        x = images.flatten()
        return torch.stack([-5 * x - 1 + 200 * (x - 0.2).relu(), 20 * x - 2, 0 * x], dim=1)


@pytest.mark.parametrize("steps", range(1, 9))
def test_an_example_is_done_once_the_stability_attack_has_moved_it(steps: int) -> None:
    """What it would have visited afterwards does not count, whenever it is that it leaves the batch."""
    split = Split(torch.full((20, 1, 1, 1), 50, dtype=torch.int16), torch.zeros(20, dtype=torch.long))
    evaluation = Evaluation(ProjectedGradient(steps=steps, relative_step=0.2, start="gaussian"))
    flags = evaluate(Detour(), split, 1000, Linf(0.5), evaluation, seed=0)
    assert set(flags.clean_prediction) == {2}
    assert not flags.hyp.any()  # the false friend goes the wrong way, and class 1 lies before class 0
    assert flags.sta.any()


def one_pixel(*values: float) -> Tensor:
    return (torch.tensor(values) * 1000).round().to(torch.int16).view(-1, 1, 1, 1)


def test_r_bar_hyp_counts_the_mistakes_that_the_false_friend_changes() -> None:
    """Class 0 up to 0.5, class 1 up to 0.9, then class 2, which is every label: the false friend goes right."""
    model = linear_model(torch.tensor([[0.0], [1.0], [3.0]]), torch.tensor([0.0, -0.5, -2.3]))
    split = Split(one_pixel(0.2, 0.45, 0.55, 0.85), torch.tensor([2, 2, 2, 2]))
    flags = evaluate(model, split, 1000, Linf(0.1), Evaluation(ProjectedGradient()), seed=0)
    assert flags.clean_prediction.tolist() == [0, 0, 1, 1]
    assert flags.hyp.tolist() == [False, False, False, True]
    assert flags.hyp_moved.tolist() == [False, True, False, True]  # 0.45 becomes class 1, 0.55 stays class 1
    assert flags.sta.tolist() == [False, True, True, True]
    found = risks(flags)
    assert [found[name].count for name in ("R_hyp_minus", "R_hyp_bar_minus", "R_sta_minus")] == [1, 2, 3]
    assert (found["G_adv"].count, found["G_hyp"].count) == (0, 1)


def test_on_correct_examples_nothing_is_hidden_or_moved_to_be_hidden() -> None:
    model = linear_model(torch.tensor([[1.0], [-1.0]]), torch.tensor([-1.0, 0.0]))
    flags = evaluate(
        model,
        Split(one_pixel(0.52, 0.9), torch.tensor([0, 0])),
        1000,
        Linf(0.1),
        Evaluation(ProjectedGradient()),
        0,
    )
    assert flags.adv.tolist() == [True, False]
    assert not flags.hyp_moved.any()
    assert not flags.hyp_by_stability.any()


class Valley(nn.Module):
    """Two logits of one pixel: the label's, class 1, rises slowly to the right, and far below 0.46 steeply."""

    def forward(self, images: Tensor) -> Tensor:
        x = images.flatten(1)
        label = torch.where(x > 0.46, 0.5 * (x - 0.46), 5 * (0.46 - x)) - 1
        return torch.cat([0 * x, label], dim=1)


def test_what_the_stability_attack_alone_hid_is_told_apart() -> None:
    """From the clean image the false friend walks to the right, and only a random start may find the left."""
    split = Split(one_pixel(*[0.5] * 10), torch.ones(10, dtype=torch.long))
    evaluation = Evaluation(ProjectedGradient(start="clean"))
    flags = evaluate(Valley(), split, 1000, Linf(0.3), evaluation, seed=0)
    assert 0 < flags.hyp.sum() < 10
    assert flags.hyp_by_stability.tolist() == flags.hyp.tolist()
    assert decided(flags)["hyp"] == {"clean": 0, "hypocritical": 0, "stability": int(flags.hyp.sum())}
    everywhere = evaluate(Valley(), split, 1000, Linf(0.3), Evaluation(ProjectedGradient()), seed=0)
    assert decided(everywhere)["hyp"]["hypocritical"] > 0
