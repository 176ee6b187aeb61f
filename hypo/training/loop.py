"""Epochs of training that can be cut off anywhere and resumed exactly."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from hypo.attacks.threat_models.threat_model import ThreatModel
from hypo.datasets.images import Split
from hypo.defenses.defense import Defense
from hypo.settings.errors import DivergedError
from hypo.settings.randomness import derive, generator, seeded
from hypo.training.augmentation import augment
from hypo.training.holding_out import accuracies, best, divided
from hypo.training.recipe import Recipe
from hypo.training.step import Annealed, Steps

History = list[dict[str, float]]
"""One row an epoch, with what `train` measures: `epoch` (from 1), rates, loss, accuracies in [0, 1] and speed.

`tflops` is that in units of 1e12 floating-point operations a second, all that the epoch took time for included.
Where examples are held out also `held_out_clean_accuracy` and `held_out_robust_accuracy` (nan without an inner
attack), and where the best epoch is kept `kept_epoch`, that of the best model so far: in the last row, the run's.
"""

Checkpoint = dict[str, Any]
"""What an epoch leaves behind: tensors and numbers only, so that it loads with `weights_only=True`."""


def train(
    model: nn.Module,
    train_split: Split,
    maximum: int,
    defense: Defense,
    threat_model: ThreatModel,
    recipe: Recipe,
    seed: int,
    resume: Checkpoint | None = None,
    after_epoch: Callable[[Checkpoint], None] = lambda checkpoint: None,
) -> History:
    """Train `model` in place.

    All random numbers of an epoch are drawn from (seed, epoch), so that a run resumed from any epoch's
    checkpoint goes on as if it had never stopped: bit by bit on a CPU. In the end the model is that of the last
    epoch, or of the best one, as the recipe says.

    Args:
        model: from (batch, channels, height, width) images in [0, 1] to logits.
        train_split: on the model's device; its images are divided by `maximum`.
        resume: the checkpoint of the last finished epoch.
        after_epoch: given each epoch's checkpoint, whose "history" is that of all epochs so far.

    Raises:
        InputError: when all examples are to be held out.
        DivergedError: at the end of the first epoch whose loss is not finite.
    """
    split, trained_on, held_out = divided(train_split, recipe)
    optimizer = recipe.build_optimizer(model)
    scheduler = recipe.build_scheduler(optimizer, recipe.steps_an_epoch(len(trained_on)))
    history: History = []
    kept: Checkpoint | None = None
    if resume is not None:
        model.load_state_dict(resume["model"])
        optimizer.load_state_dict(_as_here(resume["optimizer"], optimizer))
        scheduler.load_state_dict(resume["scheduler"])
        history, kept = list(resume["history"]), resume.get("best")
    attacking = torch.Generator(split.labels.device)
    take_step = Steps(
        model,
        optimizer,
        defense,
        threat_model,
        attacking,
        bfloat16=recipe.precision == "bfloat16",
        in_graph=recipe.cuda_graph,
    )
    for epoch in range(len(history) + 1, recipe.epochs + 1):
        started = time.perf_counter()
        learning_rate = optimizer.param_groups[0]["lr"]
        with seeded(split.labels.device, seed, "dropout", epoch):
            attacking.manual_seed(derive(seed, "attack", epoch))
            means = _epoch(model, split, trained_on, maximum, recipe, take_step, scheduler, seed, epoch)
        scores = accuracies(model, held_out, maximum, defense, threat_model, recipe.batch, seed)
        # The only time in an epoch that the device is read.
        loss, clean, perturbed, *measured = torch.cat([means, scores]).tolist()
        if not math.isfinite(loss):
            raise DivergedError(f"the loss of epoch {epoch} is {loss}")
        seconds = time.perf_counter() - started
        images = recipe.images_an_epoch(len(trained_on))
        row = {
            "epoch": epoch,
            "learning_rate": learning_rate,
            "loss": loss,
            "clean_accuracy": clean,
            "perturbed_accuracy": perturbed,
            "seconds": seconds,
            "images_per_second": images / seconds,
            "tflops": take_step.operations * images / seconds / 1e12,
            **dict(zip(("held_out_clean_accuracy", "held_out_robust_accuracy"), measured, strict=False)),
        }
        if recipe.keep != "last":
            kept = best(kept, model, epoch, measured, by_clean=recipe.keep == "best_clean")
            row["kept_epoch"] = kept["epoch"]
        history.append(row)
        after_epoch(
            {
                "model": model.state_dict(),
                "optimizer": optimizer.state_dict(),
                "scheduler": scheduler.state_dict(),
                "history": history,
                **({} if kept is None else {"best": kept}),
            }
        )
    if kept is not None:
        model.load_state_dict(kept["model"])
    return history


def _as_here(state: dict[str, Any], optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    """The `state` of an optimizer, to be computed as `optimizer` is, whatever device it comes from."""
    how = [
        {key: group[key] for key in ("fused", "foreach", "capturable") if key in group}
        for group in optimizer.param_groups
    ]
    groups = [{**group, **own} for group, own in zip(state["param_groups"], how, strict=True)]
    return {**state, "param_groups": groups}


def _epoch(
    model: nn.Module,
    split: Split,
    trained_on: Tensor,
    maximum: int,
    recipe: Recipe,
    take_step: Steps,
    scheduler: torch.optim.lr_scheduler.LRScheduler,
    seed: int,
    epoch: int,
) -> Tensor:
    """One pass over the images at `trained_on`; returns the means of what `train_step` returns, on the device."""
    device = split.labels.device
    shuffling = generator(device, seed, "shuffle", epoch)
    augmenting = generator(device, seed, "augment", epoch)
    order = trained_on[torch.randperm(len(trained_on), generator=shuffling, device=device)]
    batches: tuple[Tensor, ...] = torch.split(order[: recipe.images_an_epoch(len(order))], recipe.batch)
    annealed = [module for module in model.modules() if isinstance(module, Annealed)]
    sums = torch.zeros(3, device=device)
    model.train()
    for step, indices in enumerate(batches):
        for module in annealed:
            module.anneal((epoch - 1 + step / len(batches)) / recipe.epochs)
        images = augment(split.images[indices], recipe.crop_padding, recipe.flip, augmenting)
        labels = split.labels[indices]
        sums += len(indices) / len(batches[0]) * take_step(images.float() / maximum, labels)
        scheduler.step()
    for module in annealed:
        # Exactly 1 at the end; and what is scored is the model that may be kept, as it will be evaluated.
        module.anneal(1.0 if recipe.hold_out else epoch / recipe.epochs)
    return sums / sum(len(indices) / len(batches[0]) for indices in batches)
