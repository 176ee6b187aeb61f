"""What is held out is never trained on; the epoch that does best on it is kept, by a run that is resumed too."""

from __future__ import annotations

import copy
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from small_jobs import Silent, job
from small_models import Stripes, small_experiment, small_poisoning, small_recipe
from torch import Tensor, nn
from trained_models import ATTACK, DEFENSES, THREAT_MODEL, assert_equal, fresh_model, trained

from hypo.architectures.linf_dist_net import LinfDistNet
from hypo.attacks.goals.adversarial import Adversarial
from hypo.datasets.images import ImageData, Split
from hypo.defenses.defense import Defense, Loss
from hypo.defenses.ensemble_at import AmongModels
from hypo.defenses.fgsm_at import FgsmAt
from hypo.defenses.linf_dist import LinfDist
from hypo.defenses.standard import Standard
from hypo.defenses.thrm import Thrm
from hypo.defenses.trades import Trades
from hypo.jobs.attempt import attempt
from hypo.settings.randomness import generator
from hypo.training import step
from hypo.training.holding_out import accuracies, best, divided
from hypo.training.loop import train
from hypo.training.recipe import Recipe

CLEAN, ROBUST = "held_out_clean_accuracy", "held_out_robust_accuracy"


def holding_out(**changes: object) -> Recipe:
    """Five epochs whose best is hardly the last."""
    return small_recipe(**{"epochs": 5, "learning_rate": 0.3, "hold_out": 30, "keep": "best", **changes})


def score(row: dict[str, float]) -> tuple[float, float]:
    """What an epoch is chosen by."""
    return (0.0 if math.isnan(row[ROBUST]) else row[ROBUST], row[CLEAN])


@pytest.mark.parametrize("defense", DEFENSES.values(), ids=DEFENSES)
def test_the_best_epoch_is_kept_and_a_resumed_run_keeps_the_same(stripes: ImageData, defense: Defense) -> None:
    """Cut off after any epoch: model, history and checkpoints are those of the run that was not, bit by bit."""
    recipe = holding_out(crop_padding=1, flip=True)
    model, history, checkpoints = trained(stripes, recipe, defense)
    scores = [score(row) for row in history]
    for epoch, row in enumerate(history):
        assert row["kept_epoch"] == scores.index(max(scores[: epoch + 1])) + 1
    kept = int(history[-1]["kept_epoch"])
    assert_equal(model.state_dict(), checkpoints[kept - 1]["model"])
    for epoch, checkpoint in enumerate(checkpoints):
        torch.rand(3)  # what else the process draws is not to matter
        again, all_of_it, later = trained(stripes, recipe, defense, resume=copy.deepcopy(checkpoint))
        assert_equal(later, checkpoints[epoch + 1 :])
        assert_equal(all_of_it, history)
        assert_equal(again.state_dict(), model.state_dict())


def test_the_best_epoch_need_not_be_the_last(stripes: ImageData) -> None:
    """Or the tests above would not tell the two apart."""
    kept = {trained(stripes, holding_out(), defense)[1][-1]["kept_epoch"] for defense in DEFENSES.values()}
    assert kept != {5}


def test_scoring_and_keeping_change_nothing_of_the_training(stripes: ImageData) -> None:
    defense = DEFENSES["thrm"]
    _, _, with_best = trained(stripes, holding_out(), defense)
    last, history, without = trained(stripes, holding_out(keep="last"), defense)
    for one, other in zip(with_best, without, strict=True):
        assert_equal(one["model"], other["model"])
    assert "best" not in without[-1]
    assert "kept_epoch" not in history[-1]
    assert_equal(last.state_dict(), without[-1]["model"])
    assert [score(row) for row in history] == [score(row) for row in with_best[-1]["history"]]


class Spy:
    """A defense that only looks which images come."""

    def __init__(self) -> None:
        self.seen: set[int] = set()

    def loss(
        self, model: nn.Module, images: Tensor, labels: Tensor, threat_model: object, random: torch.Generator
    ) -> Loss:
        self.seen |= set((images.flatten() * 255).round().int().tolist())
        return Loss(model(images).sum())


@pytest.mark.parametrize("limit", [None, 30])
def test_what_is_held_out_is_never_trained_on(limit: int | None) -> None:
    """It is a random part of what would be, and the same whatever the seed is."""
    split = Split(torch.arange(50, dtype=torch.uint8).view(-1, 1, 1, 1), torch.zeros(50, dtype=torch.long))
    recipe = small_recipe(epochs=8, batch=2, train_limit=limit, hold_out=10, keep="best")
    limited, trained_on, apart = divided(split, recipe)
    rest, held_out = (
        {int(image) for image in part.flatten()} for part in (limited.images[trained_on], apart.images)
    )
    within = {int(image) for image in split.limited(limit)[0].images.flatten()}
    assert len(held_out) == 10
    assert not rest & held_out
    assert rest | held_out == within
    assert held_out not in (set(sorted(within)[:10]), set(sorted(within)[-10:]))
    if limit is None:
        assert limited.images is split.images  # the larger part is not copied
    for seed in (0, 1):
        spy, model = Spy(), nn.Sequential(nn.Flatten(), nn.Linear(1, 2))
        train(model, split, 255, spy, THREAT_MODEL, recipe, seed)
        assert spy.seen == rest


def test_of_a_crafted_set_crafted_images_are_held_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Tensor] = []
    train_step = step.train_step

    def watched(model: Any, optimizer: Any, images: Tensor, *rest: Any, **named: Any) -> Tensor:
        seen.append(images)
        return train_step(model, optimizer, images, *rest, **named)

    recipe = small_recipe(hold_out=30, keep="best")
    poisoned = job(tmp_path, small_experiment(Standard(), recipe=recipe, training_data=small_poisoning()))
    for needed in poisoned.prerequisites:
        assert attempt(needed, Silent()).state == "done"
    monkeypatch.setattr(step, "train_step", watched)
    assert attempt(poisoned, Silent()).state == "done"
    distinct = torch.cat(seen).flatten(1).unique(dim=0)
    clean = Stripes().load().train.images.flatten(1).float() / 255
    assert len(distinct) == len(clean) - 30
    assert (torch.cdist(distinct, clean).amin(1) > 0).all()


@pytest.mark.parametrize("name", ["pgd_at", "thrm", "trades"])
def test_robust_accuracy_is_where_the_inner_attack_up_the_cross_entropy_ends(
    stripes: ImageData, name: str
) -> None:
    recipe, defense = small_recipe(hold_out=30), DEFENSES[name]
    model, history, _ = trained(stripes, recipe, defense)
    model.eval()
    *_, held_out = divided(stripes.train, recipe)
    images, right = held_out.images.float() / 255, torch.zeros(2, dtype=torch.int64)
    random = generator(images.device, 0, "held out")
    for part in (slice(0, 20), slice(20, 30)):
        labels = held_out.labels[part]
        moved = ATTACK.last(model, images[part], Adversarial(labels), THREAT_MODEL, random)
        for at, shown in enumerate((images[part], moved)):
            right[at] += (model(shown).argmax(1) == labels).sum()
    assert (history[-1][CLEAN], history[-1][ROBUST]) == pytest.approx((right / 30).tolist())
    assert right[1] < right[0]


@pytest.mark.parametrize("defense", [Standard(), Thrm(0.0, ATTACK), Trades(0.0, ATTACK), FgsmAt(1.0)])
def test_where_nothing_is_perturbed_clean_accuracy_decides(stripes: ImageData, defense: Defense) -> None:
    model, history, checkpoints = trained(stripes, holding_out(), defense)
    assert all(math.isnan(row[ROBUST]) for row in history)
    clean = [row[CLEAN] for row in history]
    assert history[-1]["kept_epoch"] == clean.index(max(clean)) + 1
    standard = trained(stripes, holding_out(), Standard())
    assert_equal(model.state_dict(), standard[0].state_dict())
    assert checkpoints[-1]["best"]["score"] == [max(clean)]


@pytest.mark.parametrize("defense", [FgsmAt(0.5), AmongModels((fresh_model(),), 0.0, own=True)])
def test_a_single_step_is_an_inner_attack_too(stripes: ImageData, defense: Defense) -> None:
    (row,) = trained(stripes, small_recipe(epochs=1, hold_out=30), defense)[1]
    assert row[ROBUST] <= row[CLEAN]


def test_of_equals_the_earlier_epoch_stays_and_clean_accuracy_breaks_a_tie_of_robust_ones() -> None:
    model = fresh_model()
    first = best(None, model, 1, [0.8, 0.5])
    assert best(first, model, 2, [0.8, 0.5]) is first
    assert best(first, model, 2, [0.9, 0.4]) is first
    assert best(first, model, 2, [0.9, 0.5])["epoch"] == 2
    assert best(first, model, 2, [0.1, 0.6])["epoch"] == 2
    clean = best(None, model, 1, [0.8, math.nan])
    assert best(clean, model, 2, [0.8, math.nan]) is clean
    assert best(clean, model, 2, [0.9, math.nan])["epoch"] == 2
    assert best(best(None, model, 1, [0.8, 0.5], by_clean=True), model, 2, [0.9, 0.1], by_clean=True)["epoch"] == 2


def test_clean_accuracy_may_decide_whatever_the_defense_is(stripes: ImageData) -> None:
    kept = {}
    for keep in ("best", "best_clean"):
        _, history, _ = trained(stripes, holding_out(keep=keep), DEFENSES["trades"])
        kept[keep] = history[int(history[-1]["kept_epoch"]) - 1]
    assert kept["best_clean"][CLEAN] == max(row[CLEAN] for row in history)
    assert kept["best"][ROBUST] == max(row[ROBUST] for row in history)


def test_the_best_weights_are_a_copy() -> None:
    model = fresh_model()
    kept = best(None, model, 1, [0.5, math.nan])["model"]
    before = copy.deepcopy(kept)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(1)
    assert_equal(kept, before)


def test_the_model_and_its_modes_are_left_as_found(stripes: ImageData) -> None:
    model = fresh_model().train()
    state = copy.deepcopy(model.state_dict())
    accuracies(model, stripes.test, 255, DEFENSES["trades"], THREAT_MODEL, batch=7, seed=0)
    assert_equal(model.state_dict(), state)
    assert all(module.training for module in model.modules())
    assert all(parameter.requires_grad for parameter in model.parameters())


def test_a_network_that_changes_with_time_is_scored_and_kept_as_it_will_be_evaluated(stripes: ImageData) -> None:
    from hypo.architectures.normalised import Normalised

    torch.manual_seed(0)
    model = Normalised(LinfDistNet(hidden=(8,)).build((1, 8, 8), 4), (0.5,), (0.25,))
    recipe = small_recipe(epochs=4, optimizer="lp_adam", hold_out=30, keep="best")
    history = train(model, stripes.train, 255, LinfDist(), THREAT_MODEL, recipe, seed=0)
    assert all(math.isinf(float(value)) for name, value in model.named_buffers() if name.endswith(".p"))
    *_, held_out = divided(stripes.train, recipe)
    found = accuracies(model, held_out, 255, LinfDist(), THREAT_MODEL, 20, seed=0)
    assert float(found[0]) == max(row[CLEAN] for row in history)


def test_history_and_status_say_which_epoch_was_kept(tmp_path: Path) -> None:
    done = job(tmp_path, small_experiment(DEFENSES["thrm"], recipe=holding_out()))
    assert attempt(done, Silent()).state == "done"
    history = done.directory.history()
    assert history[-1]["kept_epoch"] == done.directory.status()["kept_epoch"]
    assert {CLEAN, ROBUST} < set(history[-1])
    from hypo.runs.loading import load_model

    measured = load_model(done.directory.path)
    *_, held_out = divided(Stripes().load().train, holding_out())
    found = accuracies(measured, held_out, 255, DEFENSES["thrm"], done.experiment.threat_model, 20, seed=0)
    kept = history[int(history[-1]["kept_epoch"]) - 1]
    assert found.tolist() == pytest.approx([kept[CLEAN], kept[ROBUST]])
