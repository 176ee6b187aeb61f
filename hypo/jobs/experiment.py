"""One whole job: a data set, a model, a defense and an attack to per-example flags and risks, and what else."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import fmean
from typing import Any

import torch
from torch import nn

from hypo.architectures.normalised import Architecture, Normalised, is_loaded
from hypo.attacks.threat_models.threat_model import ThreatModel
from hypo.datasets.images import Dataset, ImageData
from hypo.defenses.defense import Defense
from hypo.defenses.none import NoDefense
from hypo.defenses.standard import Standard
from hypo.jobs import refusals
from hypo.jobs.loaded import loaded
from hypo.jobs.observer import Observer
from hypo.jobs.settled import settled
from hypo.jobs.training import given, train_in
from hypo.measurements.evaluation import Evaluation, evaluate
from hypo.measurements.finding import Core, Finding
from hypo.measurements.measurement import Measurement, Subject
from hypo.measurements.risks import decided, risks, searches
from hypo.runs.directory import RunDirectory
from hypo.runs.loading import load_flags, load_model
from hypo.settings import checks
from hypo.settings.components import build, describe
from hypo.settings.device import few_threads, resolve
from hypo.settings.errors import InputError
from hypo.settings.identity import GROUPS, run_id, trains
from hypo.settings.randomness import seeded
from hypo.training.recipe import Recipe
from hypo.training_data.elsewhere import Elsewhere
from hypo.training_data.quality import Quality
from hypo.training_data.training_data import TrainingData

ModelOf = Callable[["Experiment"], nn.Module]
"""The trained model of a prerequisite, on the CPU and in `eval()` mode."""


@dataclass(frozen=True)
class Experiment:
    """What is trained on what against what, and how it is measured.

    Its fields are the config groups. All of them, with every default filled in, make up the run's identity;
    only the device and the measurements do not: these can be added to a finished run.
    """

    dataset: Dataset
    training_data: TrainingData
    arch: Architecture
    defense: Defense
    threat_model: ThreatModel
    recipe: Recipe
    evaluation: Evaluation
    measurements: Mapping[str, Measurement] = field(default_factory=dict, metadata={"identity": False})
    seed: int = 0
    device: str = field(default="auto", metadata={"identity": False})

    def __post_init__(self) -> None:
        checks.integer("seed", self.seed, at_least=0)
        if is_loaded(self.arch) != isinstance(self.training_data, Elsewhere):
            raise InputError("training_data: elsewhere goes with an arch that is loaded, which goes with no other")
        if trains(self) == isinstance(self.defense, NoDefense):
            raise InputError("defense: none goes with training_data=naive, and training_data=naive with no other")
        if not (hasattr(_built(self.arch), "surrogate_p") or self.evaluation.surrogate):
            # Its only gradient is its own, and one run is not to be two.
            object.__setattr__(self, "evaluation", replace(self.evaluation, surrogate=True))

    @property
    def needs(self) -> dict[str, tuple[Experiment, ...]]:
        """The experiments that are to be done first, by the component whose `prerequisites` name them.

        Components are called as they are in the config; a measurement is `measurement.<name>`. An experiment that
        is only needed is measured like this one, but for the measurements that need others themselves.
        """
        components = {group: getattr(self, group) for group in GROUPS}
        components |= {f"measurement.{name}": measurement for name, measurement in self.measurements.items()}
        needy = {key: each.prerequisites for key, each in components.items() if hasattr(each, "prerequisites")}
        content = {name: each for name, each in self.measurements.items() if f"measurement.{name}" not in needy}
        return {
            key: tuple(replace(needed, measurements=content) for needed in prerequisites(self))
            for key, prerequisites in needy.items()
        }

    @property
    def prerequisites(self) -> tuple[Experiment, ...]:
        """All the experiments that are to be done first, each once, because this one needs their models."""
        everything = {run_id(needed): needed for several in self.needs.values() for needed in several}
        if everything:
            everything.pop(run_id(self), None)  # what a measurement finds out about the run's own model
        return tuple(everything.values())

    def but(self, **changes: Any) -> Experiment:
        """This experiment with other components, and what follows from them.

        A loaded arch was trained elsewhere, what is not trained has no defense, and what is trained after all has
        the standard one where it is given none.
        """
        components = {group: getattr(self, group) for group in GROUPS} | changes
        if isinstance(components["training_data"], Elsewhere) and not is_loaded(components["arch"]):
            components["training_data"] = Quality()
        if isinstance(components["defense"], NoDefense):
            components["defense"] = Standard()
        return replace(self, **settled(components))

    def recorded(self, path: Path) -> Experiment:
        """The experiment of the run directory `path`, measured and computed like this one.

        Raises:
            InputError: when it cannot be read, or its data or the code changed.
        """
        config = RunDirectory(path).config()
        components = {group: build(config[group], group) for group in GROUPS}
        found = Experiment(**components, measurements=self.measurements, seed=config["seed"], device=self.device)
        if run_id(found) != config["run_id"]:
            raise InputError(f"{path}: its data or the code changed, its run id is now {run_id(found)}")
        return found

    def check(self, here: bool = True) -> list[str]:
        """Refuse, with InputError, whatever would fail later: the device, the data, the architecture, the needs.

        Args:
            here: whether it is to run on this machine. What is planned here and runs elsewhere is asked neither
                for its device nor for the files of a data set that is known without them.

        Returns:
            Lines on what of it will run, and is not to be taken at its word.
        """
        return refusals.check(self, here)

    def run(self, directory: RunDirectory, observer: Observer, model_of: ModelOf) -> Core:
        """Train, or go on training, from the newest checkpoint in `directory`; then evaluate.

        Where another run beside it has trained the same model already, that one is evaluated. Leaves checkpoint,
        history, model and examples in `directory`.

        Args:
            model_of: asked for the models of `prerequisites`, if and when they are needed.

        Raises:
            InputError: when a setting, the data or the checkpoint cannot be used.
            DivergedError: when the loss or the model's logits are not finite.
        """
        device, data = resolve(self.device), loaded(self.dataset)

        def needed_by(component: str) -> list[nn.Module]:
            return [model_of(needed) for needed in self.needs.get(component, ())]

        model = self.build_model(data, needed_by).to(device)

        with few_threads(model, self.recipe.batch):
            train_in(directory, self, model, data, needed_by, observer)
            flags = evaluate(
                model,
                data.test.to(device),
                data.maximum,
                self.threat_model,
                self.evaluation,
                self.seed,
                progress=observer.evaluating,
                decided=observer.decided,
                kept=directory.kept("evaluation", {"run": run_id(self)}, ["model.safetensors"]),
            )
        directory.save_examples(flags)
        return Core(risks(flags), decided(flags), searches(flags))

    def measure(self, name: str, directory: RunDirectory, observer: Observer, model_of: ModelOf) -> Finding:
        """What the measurement `name` finds on the trained model and the flags in `directory`.

        Raises:
            InputError: when what lies there cannot be read.
        """
        device, data = resolve(self.device), loaded(self.dataset)
        model = load_model(directory.path).to(device).to(memory_format=torch.channels_last)
        subject = Subject(
            model=model,
            data=replace(data, test=data.test.to(device)),
            arch=_built(self.arch),
            threat_model=self.threat_model,
            evaluation=self.evaluation,
            flags=load_flags(directory.path),
            seed=self.seed,
            device=device,
            models=[model_of(needed).to(device) for needed in self.needs.get(f"measurement.{name}", ())],
            progress=observer.evaluating,
            kept=directory.kept(
                f"measurement.{name}",
                {"run": run_id(self), "measurement": describe(self.measurements[name], identity=True)},
                ["model.safetensors", "examples.parquet"],
            ),
        )
        with few_threads(model, self.recipe.batch):
            return self.measurements[name].measure(subject)

    def build_model(
        self, data: ImageData, needed_by: Callable[[str], list[nn.Module]] = lambda _: []
    ) -> nn.Module:
        """The model as initialised from the seed, or loaded, on the CPU; drawn there, so that devices start alike.

        Args:
            needed_by: from a component, as `needs` calls it, to its models.
        """
        std, built = data.std, _built(self.arch)
        if getattr(built, "one_std", False):
            std = (built.input_std or fmean(std),) * len(std)
        return self.initial_model(data.shape, len(data.classes), data.mean, std, needed_by)

    def initial_model(
        self,
        shape: tuple[int, int, int],
        classes: int,
        mean: Sequence[float],
        std: Sequence[float],
        needed_by: Callable[[str], list[nn.Module]] = lambda _: [],
    ) -> nn.Module:
        """The same for images of `shape` in so many classes, normalised by `mean` and `std` of each channel."""
        with seeded(torch.device("cpu"), self.seed, "initialisation"):
            network = given(self.arch, needed_by("arch")).build(shape, classes)
        model = Normalised(network, mean, std)
        if is_loaded(self.arch):
            component: Any = self.arch
            component.load(model)
        # Images are stored channels-last; weights in the same layout spare a copy in every convolution.
        return model.to(memory_format=torch.channels_last)


def _built(arch: Any) -> Any:
    """The architecture itself of one that is only loaded."""
    return getattr(arch, "of", arch)
