"""Flags of trained models, against the definition and their properties."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from small_models import InDouble
from torch import Tensor, nn

from hypo.attacks.goals.adversarial import Adversarial
from hypo.attacks.goals.goal import Goal
from hypo.attacks.goals.hypocritical import Hypocritical
from hypo.attacks.goals.stability import Stability
from hypo.attacks.model_state import attacked
from hypo.attacks.searches.projected_gradient import ProjectedGradient
from hypo.attacks.threat_models.l2 import L2
from hypo.attacks.threat_models.linf import Linf
from hypo.attacks.threat_models.threat_model import ThreatModel
from hypo.datasets.images import ImageData, Split
from hypo.measurements.evaluation import Evaluation, evaluate
from hypo.measurements.risks import Flags, risks
from hypo.settings.errors import InputError
from hypo.settings.randomness import example_noise

FLAGS = ("correct", "adv", "hyp", "sta")
EXAMPLES = 60


@pytest.fixture(scope="module")
def models(digits_mlp: nn.Module, digits_cnn: nn.Module) -> dict[str, nn.Module]:
    """Computed in float64, so that not even the last digit depends on the batch."""
    return {
        "mlp": InDouble(copy.deepcopy(digits_mlp)).eval(),
        "cnn": InDouble(copy.deepcopy(digits_cnn)).eval(),
    }


@pytest.fixture(scope="module")
def test_split(digits: ImageData, models: dict[str, nn.Module]) -> Split:
    """A third of it misclassified by one model or the other, so that D⁻ is worth the name."""
    images, labels = digits.test.images.float() / digits.maximum, digits.test.labels
    with torch.no_grad():
        wrong = sum((model(images).argmax(1) != labels).int() for model in models.values()) > 0
    chosen = torch.cat([wrong.nonzero()[:20], (~wrong).nonzero()[: EXAMPLES - 20]]).squeeze(1)
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
                state = attack.begin(image, goal, threat_model, noise)
                if evaluation.success == "any_iterate":
                    state["points"] = threat_model.project(state["points"], image)
                path = []
                for step in range(attack.steps):
                    visit = attack.step(model, state, image, goal, threat_model, step)
                    path.append(visit.logits.argmax(1))
                    state = visit.state
                path.append(model(state["points"]).argmax(1))
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
@pytest.mark.parametrize(
    ("name", "start", "objective"), [("mlp", "uniform", "cross_entropy"), ("cnn", "authors_code", "margin")]
)
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
    first, second = logits.topk(2).values.T
    np.testing.assert_allclose(flags.lead, (first - second).numpy(), atol=1e-4)
    assert (flags.margin.dtype, flags.lead.dtype) == (np.float32, np.float32)


def test_progress_is_of_the_whole_and_reaches_its_end(models: dict[str, nn.Module], test_split: Split) -> None:
    told: list[tuple[int, int]] = []
    evaluation = Evaluation(ProjectedGradient(steps=5), batch=len(test_split))
    flags = evaluate(
        models["mlp"], test_split, 16, Linf(0.02), evaluation, 0, progress=lambda *counts: told.append(counts)
    )
    mistakes = int((~flags.correct).sum())
    total = 5 * (len(test_split) + mistakes)  # verification of all, then stability of the mistakes
    assert {of for _, of in told} == {total}
    done = [at for at, _ in told]
    assert done == sorted(done)
    assert (done[0], done[-1]) == (0, total)
    assert [at for at in done if at <= 5 * len(test_split)][1:6] == [k * len(test_split) for k in range(1, 6)]


@pytest.mark.parametrize(
    ("setting", "value"),
    [("success", "best"), ("objective", "dlr"), ("batch", 0), ("test_limit", 0), ("test_limit", -5)],
)
def test_settings_are_checked(setting: str, value: object) -> None:
    with pytest.raises(InputError, match=f"^{setting}: takes"):
        Evaluation(ProjectedGradient(), **{setting: value})  # type: ignore[arg-type]
