"""How a model is trained, apart from what it is defended against."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import nn

from hypo.settings import checks
from hypo.settings.errors import InputError
from hypo.training.lp_adam import LpAdam
from hypo.training.no_compiler import Adam, Sgd


@dataclass(frozen=True)
class Recipe:
    """Optimizer, schedule, batches and augmentation of one training run.

    Attributes:
        epochs: passes over the training set, >= 1.
        batch: examples a step, >= 1.
        last_batch: whether to "drop" or to "keep" the last batch of an epoch where it is incomplete.
        optimizer: "sgd" (with `momentum`), "adam", or "lp_adam" for ℓ∞-dist nets, see `hypo.training.lp_adam`.
        learning_rate: the initial one (one_cycle: the peak), > 0.
        weight_decay: ℓ2 penalty, >= 0.
        schedule: "constant"; "milestones", multiplied by 0.1 at the start of each epoch in `milestones`
            (counted from 0); "one_cycle" (Smith and Topin 2019); or "cosine", half a period of it from the one
            epoch in `milestones` down to 0 at the end. The last two go step by step.
        crop_padding, flip: augmentation, see `hypo.training.augmentation`.
        precision: "float32", or "bfloat16" for the forward passes of training and of its inner attack; weights
            stay in float32, and evaluation always does.
        train_limit: how many training examples, a fixed random subset; None takes all.
        hold_out: how many of these are not trained on, a fixed random subset, but scored after every epoch: by
            clean accuracy and by robust accuracy under the defense's inner attack, see
            `hypo.training.holding_out`.
        keep: whether the trained model is that of the "last" epoch, or of the "best" one on what is held out: by
            robust accuracy where the defense has an inner attack, and by clean accuracy where it has none; or of
            the one that is "best_clean", by clean accuracy whatever the defense is.
        cuda_graph: whether a step is captured in a CUDA graph, where the device has such graphs, see
            `hypo.training.step`. It changes the speed alone, and does not enter the run id.
    """

    epochs: int
    batch: int
    optimizer: Literal["sgd", "adam", "lp_adam"]
    learning_rate: float
    momentum: float = 0.9
    weight_decay: float = 0.0
    schedule: Literal["constant", "milestones", "one_cycle", "cosine"] = "constant"
    milestones: tuple[int, ...] = ()
    crop_padding: int = 0
    flip: bool = False
    precision: Literal["float32", "bfloat16"] = "float32"
    train_limit: int | None = None
    last_batch: Literal["drop", "keep"] = field(default="drop", metadata={"implied": "drop"})
    hold_out: int = field(default=0, metadata={"implied": 0})
    keep: Literal["last", "best", "best_clean"] = field(default="last", metadata={"implied": "last"})
    cuda_graph: bool = field(default=True, metadata={"identity": False})

    def __post_init__(self) -> None:
        checks.integer("epochs", self.epochs, at_least=1)
        checks.integer("batch", self.batch, at_least=1)
        checks.choice("last_batch", self.last_batch, ("drop", "keep"))
        checks.number("learning_rate", self.learning_rate, above=0)
        checks.number("momentum", self.momentum, at_least=0)
        checks.number("weight_decay", self.weight_decay, at_least=0)
        checks.integer("crop_padding", self.crop_padding, at_least=0)
        if self.train_limit is not None:
            checks.integer("train_limit", self.train_limit, at_least=1)
        checks.integer("hold_out", self.hold_out, at_least=0)
        if self.train_limit is not None and self.hold_out >= self.train_limit:
            raise InputError(f"hold_out: takes less than train_limit, {self.train_limit}, got {self.hold_out}")
        checks.choice("keep", self.keep, ("last", "best", "best_clean"))
        if self.keep != "last" and not self.hold_out:
            raise InputError(f"keep: takes {self.keep} only where hold_out is at least 1, got hold_out=0")
        for epoch in self.milestones:
            checks.integer("milestones", epoch, at_least=1)
        if self.schedule == "milestones" and not self.milestones:
            raise InputError("milestones: takes the epochs of the learning-rate decay, got none")
        if self.schedule == "cosine" and (len(self.milestones) != 1 or self.milestones[0] >= self.epochs):
            got = f"{list(self.milestones)} of {self.epochs} epochs"
            raise InputError(f"milestones: takes the one epoch from which the cosine goes down, got {got}")

    def build_optimizer(self, model: nn.Module) -> torch.optim.Optimizer:
        """A fresh optimizer of the model's parameters.

        On a GPU it is a fused one, which can take its learning rate from a tensor. On a CPU that would save less
        than a thousandth of a step on images, change the last bit of one weight in twenty with Adam, and misread a
        gradient that is not laid out like its weight (torch 2.14).
        """
        if self.optimizer == "lp_adam":
            return LpAdam(model, self.learning_rate, self.weight_decay)
        common: dict[str, Any] = {"lr": self.learning_rate, "weight_decay": self.weight_decay}
        if all(parameter.is_cuda for parameter in model.parameters()):
            common["fused"] = True
        if self.optimizer == "adam":
            return Adam(model.parameters(), **common)
        return Sgd(model.parameters(), momentum=self.momentum, **common)

    def images_an_epoch(self, available: int) -> int:
        """How many of the images that there are, none of them held out, an epoch trains on."""
        images = min(available, self.train_limit or available)
        batch = min(self.batch, images)
        return images if self.last_batch == "keep" else images // batch * batch

    def steps_an_epoch(self, available: int) -> int:
        """In how many batches."""
        return math.ceil(self.images_an_epoch(available) / self.batch)

    def build_scheduler(
        self, optimizer: torch.optim.Optimizer, steps_per_epoch: int
    ) -> torch.optim.lr_scheduler.LRScheduler:
        """The schedule of `optimizer`, to be advanced after every step."""
        if self.schedule == "one_cycle":
            return torch.optim.lr_scheduler.OneCycleLR(
                optimizer, max_lr=self.learning_rate, total_steps=self.epochs * steps_per_epoch
            )
        if self.schedule == "cosine":
            begin, end = self.milestones[0] * steps_per_epoch, self.epochs * steps_per_epoch

            def factor(step: int) -> float:
                return 0.5 * (1 + math.cos(math.pi * min(1.0, max(0, step - begin) / (end - begin))))

            return torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
        steps = [epoch * steps_per_epoch for epoch in self.milestones if self.schedule == "milestones"]
        return torch.optim.lr_scheduler.MultiStepLR(optimizer, milestones=steps, gamma=0.1)
