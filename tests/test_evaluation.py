from __future__ import annotations

import copy
from collections.abc import Callable

import numpy as np
import pytest
import torch
from small_models import InDouble, batch_norm_net, linear_model
from torch import Tensor, nn

from hypo.attacks.adversarial import Adversarial
from hypo.attacks.goal import Goal
from hypo.attacks.hypocritical import Hypocritical
from hypo.attacks.model_state import attacked
from hypo.attacks.projected_gradient import ProjectedGradient
from hypo.attacks.stability import Stability
from hypo.datasets.images import ImageData, Split
from hypo.errors import DivergedError, InputError
from hypo.evaluation import Evaluation, evaluate
from hypo.pooled_search import compaction_steps
from hypo.precision import full_precision
from hypo.randomness import example_noise
from hypo.risks import Flags, risks
from hypo.threat_models.l2 import L2
from hypo.threat_models.linf import Linf
from hypo.threat_models.threat_model import ThreatModel

FLAGS = ("correct", "adv", "hyp", "sta")
EXAMPLES = 120


@pytest.fixture(scope="module")
def models(digits_mlp: nn.Module, digits_cnn: nn.Module) -> dict[str, nn.Module]:
    """Computed in float64, so that not even the last digit depends on the batch."""
    return {
        "mlp": InDouble(copy.deepcopy(digits_mlp)).eval(),
        "cnn": InDouble(copy.deepcopy(digits_cnn)).eval(),
    }


@pytest.fixture(scope="module")
def test_split(digits: ImageData, models: dict[str, nn.Module]) -> Split:
    """A fifth of it misclassified by one model or the other, so that D⁻ is worth the name."""
    images, labels = digits.test.images.float() / digits.maximum, digits.test.labels
    with torch.no_grad():
        wrong = sum((model(images).argmax(1) != labels).int() for model in models.values()) > 0
    chosen = torch.cat([wrong.nonzero()[:24], (~wrong).nonzero()[: EXAMPLES - 24]]).squeeze(1)
    return digits.test.select(chosen.sort().values)


def plainly(
    model: nn.Module,
    test: Split,
    maximum: int,
    threat_model: ThreatModel,
    evaluation: Evaluation,
    seed: int,
) -> dict[str, np.ndarray]:
    """The definition, one example after the other: every attack takes all its steps.

    Only what the stability attack visits after it has moved an example does not count.
    """
    attack = evaluation.attack
    found: dict[str, list[bool]] = {name: [] for name in FLAGS}
    for number in range(len(test)):
        image, label = test.images[number : number + 1].float() / maximum, test.labels[number : number + 1]
        clean_logits = model(image).detach()
        clean = clean_logits.argmax(1)

        def predictions(name: str, wanted: Goal, image: Tensor = image, number: int = number) -> list[Tensor]:
            visited, goal = [], evaluation.climbing(wanted)
            for restart in range(attack.restarts):
                noise = example_noise(seed, name, restart, torch.tensor([number]), tuple(image.shape[1:]))
                points = threat_model.project(attack.starting_point(image, goal, threat_model, noise), image)
                path = []
                for step in range(attack.steps):
                    moved, logits = attack.step(model, points, image, goal, threat_model, noise, step)
                    path.append(logits.argmax(1))
                    points = moved
                path.append(model(points).argmax(1))
                visited += path if evaluation.success == "any_iterate" else path[-1:]
            return visited

        correct = bool(clean == label)
        candidates = [clean, *predictions("verification", (Adversarial if correct else Hypocritical)(label))]
        if not correct and all(bool(candidate == clean) for candidate in candidates):
            for candidate in predictions("stability", Stability(clean_logits)):
                candidates.append(candidate)
                if candidate != clean:
                    break
        found["correct"].append(correct)
        found["adv"].append(any(bool(candidate != label) for candidate in candidates))
        found["hyp"].append(any(bool(candidate == label) for candidate in candidates))
        found["sta"].append(any(bool(candidate != clean) for candidate in candidates))
    return {name: np.array(values) for name, values in found.items()}


def assert_same(found: Flags, expected: Flags | dict[str, np.ndarray]) -> None:
    for name in FLAGS:
        other = expected[name] if isinstance(expected, dict) else getattr(expected, name)
        np.testing.assert_array_equal(getattr(found, name), other, err_msg=name)


@pytest.mark.parametrize("restarts", [1, 3])
@pytest.mark.parametrize("threat_model", [Linf(0.06), L2(0.35)])
@pytest.mark.parametrize("success", ["any_iterate", "last_iterate"])
@pytest.mark.parametrize(("start", "objective"), [("uniform", "cross_entropy"), ("authors_code", "margin")])
@pytest.mark.parametrize("name", ["mlp", "cnn"])
def test_flags_are_those_of_the_plain_loop(
    models: dict[str, nn.Module],
    test_split: Split,
    name: str,
    start: str,
    objective: str,
    success: str,
    threat_model: ThreatModel,
    restarts: int,
) -> None:
    """Skipping what is decided, sharing a pool and dropping examples changes nothing."""
    attack = ProjectedGradient(steps=12, relative_step=0.25, restarts=restarts, start=start)  # type: ignore[arg-type]
    evaluation = Evaluation(attack, success=success, objective=objective)  # type: ignore[arg-type]
    with attacked(models[name]):
        expected = plainly(models[name], test_split, 16, threat_model, evaluation, seed=3)
    found = evaluate(models[name], test_split, 16, threat_model, evaluation, seed=3)
    assert_same(found, expected)
    # The comparison says something: both parts have examples that were reached and others that were not.
    for part, flag in [(found.correct, found.adv), (~found.correct, found.hyp)]:
        assert 0 < flag[part].sum() < part.sum()


@pytest.mark.parametrize("success", ["any_iterate", "last_iterate"])
@pytest.mark.parametrize("batch", [1, 7])
def test_flags_do_not_depend_on_the_batch(
    models: dict[str, nn.Module], test_split: Split, batch: int, success: str
) -> None:
    found = [
        evaluate(
            models["cnn"],
            test_split,
            16,
            L2(0.35),
            Evaluation(ProjectedGradient(steps=6), success=success, batch=size),  # type: ignore[arg-type]
            seed=0,
        )
        for size in (batch, 500)
    ]
    assert_same(*found)


@pytest.mark.parametrize("limit", [1, 40])
def test_flags_do_not_depend_on_which_other_examples_there_are(
    models: dict[str, nn.Module], test_split: Split, limit: int
) -> None:
    # Hardly a step, so that the flags hang on where each example's search begins.
    attack = ProjectedGradient(steps=1, relative_step=0.1)
    everything = evaluate(models["mlp"], test_split, 16, Linf(0.1), Evaluation(attack), seed=0)
    few = evaluate(models["mlp"], test_split, 16, Linf(0.1), Evaluation(attack, test_limit=limit), seed=0)
    assert len(few.example) == limit
    for name in (*FLAGS, "label", "clean_prediction"):
        np.testing.assert_array_equal(getattr(few, name), getattr(everything, name)[few.example])
    np.testing.assert_allclose(few.margin, everything.margin[few.example], atol=1e-5)


def test_the_seed_decides_where_searches_begin(models: dict[str, nn.Module], test_split: Split) -> None:
    def flags(seed: int) -> Flags:
        evaluation = Evaluation(ProjectedGradient(steps=1, relative_step=0.1))
        return evaluate(models["mlp"], test_split, 16, Linf(0.1), evaluation, seed)

    assert_same(flags(0), flags(0))
    assert any((getattr(flags(0), name) != getattr(flags(1), name)).any() for name in FLAGS)


def test_more_restarts_and_more_iterates_only_add(models: dict[str, nn.Module], test_split: Split) -> None:
    def flags(restarts: int, success: str) -> Flags:
        attack = ProjectedGradient(steps=4, restarts=restarts)
        evaluation = Evaluation(attack, success=success)  # type: ignore[arg-type]
        return evaluate(models["cnn"], test_split, 16, Linf(0.06), evaluation, seed=0)

    one, three, last = flags(1, "any_iterate"), flags(3, "any_iterate"), flags(1, "last_iterate")
    for name in ("adv", "hyp", "sta"):
        assert (getattr(three, name) >= getattr(one, name)).all()
        # On D⁺ and for the false friend; the stability attack may begin from other leftovers.
        assert getattr(one, name)[one.correct].sum() >= getattr(last, name)[one.correct].sum()
    assert (one.hyp >= last.hyp).all()


@pytest.mark.parametrize("name", ["mlp", "cnn"])
@pytest.mark.parametrize("success", ["any_iterate", "last_iterate"])
@pytest.mark.parametrize("threat_model", [Linf(0.02), Linf(0.3), L2(0.2)])
def test_the_theorems_hold(
    models: dict[str, nn.Module], digits: ImageData, name: str, success: str, threat_model: ThreatModel
) -> None:
    """`risks` asserts them; the flags must also be of the five kinds that one set of candidates can give."""
    evaluation = Evaluation(ProjectedGradient(steps=5), success=success, test_limit=200)  # type: ignore[arg-type]
    flags = evaluate(models[name], digits.test, 16, threat_model, evaluation, seed=0)
    assert risks(flags)["D"].of == 200
    assert (flags.hyp | ~flags.correct).all()
    assert (flags.adv | flags.correct).all()
    np.testing.assert_array_equal(flags.adv[flags.correct], flags.sta[flags.correct])
    assert (flags.sta >= flags.hyp)[~flags.correct].all()


def test_labels_predictions_and_margins_are_those_of_the_clean_images(
    digits_mlp: nn.Module, digits: ImageData
) -> None:
    flags = evaluate(digits_mlp, digits.test, 16, Linf(0.01), Evaluation(ProjectedGradient(steps=1)), seed=0)
    with torch.no_grad():
        logits = digits_mlp(digits.test.images.float() / 16).double()
    labels = digits.test.labels
    np.testing.assert_array_equal(flags.example, np.arange(len(labels)))
    np.testing.assert_array_equal(flags.label, labels.numpy())
    np.testing.assert_array_equal(flags.clean_prediction, logits.argmax(1).numpy())
    np.testing.assert_array_equal(flags.correct, flags.label == flags.clean_prediction)
    others = logits.masked_fill(nn.functional.one_hot(labels, 10).bool(), -torch.inf).amax(1)
    margin = logits[torch.arange(len(labels)), labels] - others
    np.testing.assert_allclose(flags.margin, margin.numpy(), atol=1e-4)
    np.testing.assert_array_equal(flags.margin > 0, flags.correct)


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


def test_flags_at_the_boundary_of_a_linear_model_are_known() -> None:
    """Examples at known distances from the boundary: reached exactly when ε is larger."""
    distances = torch.linspace(0.01, 0.2, 20)
    images = ((0.5 + distances) * 1000).round().to(torch.int16).view(-1, 1, 1, 1)
    weight = torch.tensor([[1.0], [-1.0]])
    model = linear_model(weight, torch.tensor([-1.0, 0.0]))  # the boundary is at 0.5
    labels = torch.arange(20) % 2  # the first of every two is correct
    for epsilon in (0.005, 0.0555, 0.1234, 0.3):
        evaluation = Evaluation(ProjectedGradient())
        flags = evaluate(model, Split(images, labels), 1000, Linf(epsilon), evaluation, seed=0)
        reachable = (images.flatten() / 1000 - 0.5).numpy() < epsilon
        np.testing.assert_array_equal(flags.adv[flags.correct], reachable[flags.correct])
        np.testing.assert_array_equal(flags.hyp[~flags.correct], reachable[~flags.correct])
        np.testing.assert_array_equal(flags.sta, reachable)


def test_a_start_outside_of_the_ball_is_no_candidate() -> None:
    """The Gaussian start of the authors' code strays by 0.01, here over a boundary that lies beyond ε."""
    model = linear_model(torch.tensor([[1.0], [-1.0]]), torch.tensor([-0.99, 0.0]))  # the boundary is at 0.495
    split = Split(torch.full((50, 1, 1, 1), 500, dtype=torch.int16), torch.arange(50) % 2)
    evaluation = Evaluation(ProjectedGradient(steps=1, start="gaussian"))
    near = evaluate(model, split, 1000, Linf(0.001), evaluation, seed=0)
    assert near.correct.sum() == 25
    assert not near.sta.any()
    far = evaluate(model, split, 1000, Linf(0.02), evaluation, seed=0)
    assert far.sta.any()


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


def legacy(name: str) -> Callable[[], None]:
    return lambda: torch.set_float32_matmul_precision(name)


def current(name: str) -> Callable[[], None]:
    def choose() -> None:
        torch.backends.fp32_precision = name

    return choose


MODERN = hasattr(torch.backends.cuda.matmul, "fp32_precision")


@pytest.mark.parametrize("choose", [legacy("high"), legacy("medium"), *([current("tf32")] if MODERN else [])])
def test_precision_is_full_and_then_as_it_was(choose: Callable[[], None]) -> None:
    """Also where the user chose it with the newer of torch's two ways, which do not mix."""
    backends = torch.backends
    parts = (
        [backends.cuda.matmul, backends.cudnn.conv, backends.mkldnn.matmul, backends.mkldnn.conv] if MODERN else []
    )
    old = [backends.cuda.matmul, backends.cudnn]

    def settings() -> list[object]:
        return [part.fp32_precision for part in parts] if MODERN else [part.allow_tf32 for part in old]

    at_first = settings()
    try:
        choose()
        chosen = settings()
        with full_precision():
            assert settings() == (["ieee"] * 4 if MODERN else [False] * 2)
        assert settings() == chosen
        with pytest.raises(ZeroDivisionError), full_precision():
            raise ZeroDivisionError
        assert settings() == chosen != at_first
    finally:
        legacy("highest")()
        if MODERN:
            backends.fp32_precision = "none"
            for part, value in zip(parts, at_first, strict=True):
                part.fp32_precision = value
    assert settings() == at_first


def test_progress_reaches_its_end(models: dict[str, nn.Module], test_split: Split) -> None:
    told: list[tuple[int, int]] = []
    evaluation = Evaluation(ProjectedGradient(steps=5), batch=50)
    evaluate(
        models["mlp"], test_split, 16, Linf(0.02), evaluation, 0, progress=lambda *counts: told.append(counts)
    )
    assert told == [(done, 5) for done in range(1, 6)] * 2  # verification, then stability


def test_compaction_is_frequent_at_first_and_rare_later() -> None:
    assert compaction_steps(1) == compaction_steps(10) == {1, 2, 4, 8}
    assert sorted(compaction_steps(30)) == [1, 2, 4, 8, 12, 17, 22, 27]


@pytest.mark.parametrize(
    ("setting", "value"), [("success", "best"), ("batch", 0), ("test_limit", 0), ("test_limit", -5)]
)
def test_settings_are_checked(setting: str, value: object) -> None:
    with pytest.raises(InputError, match=f"^{setting}: takes"):
        Evaluation(ProjectedGradient(), **{setting: value})  # type: ignore[arg-type]


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
