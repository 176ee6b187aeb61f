"""One whole job: a data set, a model, a defense and an attack to per-example flags and risks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from statistics import fmean
from typing import Any, Protocol

import torch
from torch import nn

from hypo.architectures.normalised import Architecture, Normalised
from hypo.attacks.goals.hypocritical import Hypocritical
from hypo.datasets.images import Dataset, ImageData
from hypo.defenses.defense import Defense
from hypo.defenses.none import NoDefense
from hypo.measurements.certificate import certified
from hypo.measurements.evaluation import Evaluation, evaluate
from hypo.measurements.findings import Findings
from hypo.measurements.pictures import demonstrate, sheet
from hypo.measurements.risks import Flags, Share, decided, risks, searches
from hypo.measurements.targeted import targeted_rates
from hypo.runs.crafted import Crafted
from hypo.runs.directory import RunDirectory
from hypo.runs.trained_once import trained_once
from hypo.settings import checks
from hypo.settings.device import few_threads, named, resolve
from hypo.settings.errors import InputError
from hypo.settings.identity import training_id, trains
from hypo.settings.randomness import derive
from hypo.threat_models.threat_model import ThreatModel
from hypo.training.loop import train
from hypo.training.recipe import Recipe
from hypo.training_data.training_data import TrainingData

_SHOWN = 4
"""How many hidden mistakes a run keeps pictures of."""


class Observer(Protocol):
    """Who is told how a run is getting on."""

    def epoch(self, row: dict[str, float], epochs: int) -> None:
        """An epoch is over; `row` is its line of the history, `epochs` how many there will be."""
        ...

    def evaluating(self, done: int, total: int) -> None:
        """So many steps of the evaluation attack are done."""
        ...


@dataclass(frozen=True)
class Experiment:
    """What is trained on what against what, and how it is measured.

    Its fields are the config groups. All of them, with every default filled in, make up the run's identity;
    only the device does not.
    """

    dataset: Dataset
    training_data: TrainingData
    arch: Architecture
    defense: Defense
    threat_model: ThreatModel
    recipe: Recipe
    evaluation: Evaluation
    seed: int = 0
    device: str = field(default="auto", metadata={"identity": False})

    def __post_init__(self) -> None:
        checks.integer("seed", self.seed, at_least=0)
        if trains(self) == isinstance(self.defense, NoDefense):
            raise InputError("defense: none goes with training_data=naive, and training_data=naive with no other")
        if not hasattr(self.arch, "surrogate_p"):  # its only gradient is its own, and one run is not to be two
            object.__setattr__(self, "evaluation", replace(self.evaluation, surrogate=True))

    @property
    def prerequisites(self) -> tuple[Experiment, ...]:
        """The experiments that are to be done first, because their models are needed in this one."""
        return tuple(self.training_data.prerequisites(self))

    def check(self, here: bool = True) -> None:
        """Refuse, with InputError, whatever would fail later: the device, the data, the architecture.

        Args:
            here: whether it is to run on this machine. What is planned here and runs elsewhere is asked neither
                for its device nor for the files of a data set that is known without them.
        """
        known = None if here else getattr(self.dataset, "known", None)
        if here:
            resolve(self.device)
        else:
            named(self.device)
        if known is None:
            data = _load(self.dataset)
            known = data.shape, len(data.classes)
        with torch.device("meta"):
            self.arch.build(*known)

    def run(self, directory: RunDirectory, observer: Observer, models: Sequence[nn.Module] = ()) -> Findings:
        """Train, or go on training, from the newest checkpoint in `directory`; then evaluate.

        Where another run beside it has trained the same model already, that one is evaluated. Leaves checkpoint,
        history, model and examples in `directory`.

        Args:
            models: the trained models of `prerequisites`, in its order.

        Raises:
            InputError: when a setting, the data or the checkpoint cannot be used.
            DivergedError: when the loss or the model's logits are not finite.
        """
        device, data = resolve(self.device), _load(self.dataset)
        model = self.build_model(data).to(device)

        def after_epoch(checkpoint: dict) -> None:
            directory.save_checkpoint(checkpoint)
            observer.epoch(checkpoint["history"][-1], self.recipe.epochs)

        def train_here() -> None:
            crafted = Crafted(directory.path.parent.parent / "crafted", directory.path.name)
            prepared = self.training_data.prepare(data, self, models, crafted)
            train(
                model,
                prepared.train.to(device),
                prepared.maximum,
                self.defense,
                self.threat_model,
                self.recipe,
                self.seed,
                resume=directory.load_checkpoint(device),
                after_epoch=after_epoch,
            )
            directory.save_model(model, data.shape, len(data.classes))

        with few_threads(model, self.recipe.batch):
            if trains(self):
                trained_once(model, directory, training_id(self), train_here)
            else:
                directory.save_model(model, data.shape, len(data.classes))
            return self._measure(model, data, device, directory, observer)

    def _measure(
        self, model: nn.Module, data: ImageData, device: torch.device, directory: RunDirectory, observer: Observer
    ) -> Findings:
        attacked = (model, data.test.to(device), data.maximum, self.threat_model, self.evaluation, self.seed)
        flags = evaluate(*attacked, progress=observer.evaluating)
        directory.save_examples(flags)
        self._show_hidden(model, data, flags, directory)
        targeted = {}
        if self.evaluation.targeted:
            rates = targeted_rates(*attacked, len(data.classes), flags, progress=observer.evaluating)
            targeted = dict(zip(data.classes, rates, strict=True))
        return Findings(
            {**risks(flags), **self._certified(model, flags)}, targeted, decided(flags), searches(flags)
        )

    def _show_hidden(self, model: nn.Module, data: ImageData, flags: Flags, directory: RunDirectory) -> None:
        device = next(model.buffers()).device
        hidden = torch.from_numpy(flags.example[~flags.correct & flags.hyp])[: 2 * _SHOWN]
        images = data.test.images[hidden].to(device).float() / data.maximum
        labels = data.test.labels[hidden].to(device)
        attack = (data.classes, Hypocritical, self.threat_model, self.evaluation)
        if shown := demonstrate(model, images, labels, *attack, count=_SHOWN):
            directory.save_hidden(sheet(shown))

    def _certified(self, model: nn.Module, flags: Flags) -> dict[str, Share]:
        """What holds against every attack; nothing, for a network that gives no such guarantee."""
        if not getattr(self.arch, "lipschitz", False):
            return {}
        # An ℓ2 ball lies in the ℓ∞ ball of its radius. The narrowest channel's std stretches it most.
        return certified(flags, 2 * self.threat_model.epsilon / float(model.get_buffer("std").amin()))

    def build_model(self, data: ImageData) -> nn.Module:
        """The model as initialised from the seed, on the CPU; drawn there, so that devices start alike."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derive(self.seed, "initialisation"))
            network = self.arch.build(data.shape, len(data.classes))
        std = data.std
        if getattr(self.arch, "one_std", False):
            std = (getattr(self.arch, "input_std") or fmean(std),) * len(std)  # noqa: B009
        # Images are stored channels-last; weights in the same layout spare a copy in every convolution.
        return Normalised(network, data.mean, std).to(memory_format=torch.channels_last)


@lru_cache(maxsize=2)
def _load(dataset: Any) -> ImageData:
    """The data set, read once for all the jobs that share it."""
    return dataset.load()
