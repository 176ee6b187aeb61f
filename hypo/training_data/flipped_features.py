"""D_rand and D_det: images nudged towards another class, under the label of that class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from hypo.attacks.goals.targeted import Targeted
from hypo.attacks.searches.projected_gradient import ProjectedGradient
from hypo.attacks.threat_models.l2 import L2
from hypo.attacks.threat_models.threat_model import ThreatModel
from hypo.datasets.images import ImageData, Split
from hypo.runs.crafted import Crafted
from hypo.settings import checks
from hypo.settings.components import describe
from hypo.settings.device import resolve
from hypo.settings.other_run import OtherRun
from hypo.settings.randomness import generator
from hypo.training_data.crafting import craft, made_of
from hypo.training_data.other_model import crafting_run

PUBLISHED = ProjectedGradient(steps=100, relative_step=1 / 5, start="clean")
"""The search of the paper's published appendix, in its ball."""

BALL = L2(0.5)


@dataclass(frozen=True)
class FlippedFeatures:
    """x_adv = argmin CE(f(x_adv), t) over a ball of its own around x, and the label is t (Ilyas et al. 2019).

    So the label goes with what of the image can be moved in the ball, its non-robust features, and not with what
    a human sees (Equation 6 and Section 3.2). D_rand has t uniform over all classes, and D_det t = (y + 1) mod C,
    so that what a human sees leads astray. D_det is not D_NR, which `RestrictedFeatures` makes, though a lecture
    on that paper (IFT 6164, Experiment 1) calls it so. `Poisoning` differs in that the label stays y.

    The images are stored with 8 bits as all others are, so that a pixel may exceed the ball by half a grey level.

    Attributes:
        model: f's, a standard one in the paper; see `crafting_run` for what it is trained on.
        targets: "uniform", for D_rand, or "next", for D_det.
        threat_model: the ball, whatever the run is attacked in.
        attack: the search for x_adv; it ends where its last step leads.
        seed: of t where it is uniform, so that the runs of all seeds share one set.
    """

    model: OtherRun
    targets: Literal["uniform", "next"]
    threat_model: ThreatModel = BALL
    attack: ProjectedGradient = PUBLISHED
    seed: int = 0

    uses_threat_model: ClassVar[bool] = False

    def __post_init__(self) -> None:
        checks.choice("targets", self.targets, ("uniform", "next"))
        checks.integer("seed", self.seed, at_least=0)

    def prerequisites(self, experiment: Any) -> Sequence[Any]:
        """The run whose model is f."""
        return (crafting_run(self.model, experiment),)

    def prepare(
        self, data: ImageData, experiment: Any, models: Sequence[nn.Module], crafted: Crafted
    ) -> ImageData:
        """`data` with crafted images for those that will be trained on, and their targets for labels.

        Raises:
            InputError: when the model was trained for another number of classes.
        """
        finer = data.finer()
        train, _ = finer.train.limited(experiment.recipe.train_limit)
        (needed,), (model,) = self.prerequisites(experiment), models
        wanted = self._targets(train.labels, len(data.classes))
        settings = {
            "targets": self.targets,
            "threat_model": describe(self.threat_model, identity=True),
            "attack": describe(self.attack, identity=True),
            "seed": self.seed,
            **made_of(experiment, needed),
        }
        images = crafted.images(
            "flipped_features", settings, lambda: self._craft(train, wanted, finer, experiment, model)
        )
        return replace(finer, train=Split(images.contiguous(memory_format=torch.channels_last), wanted))

    def _targets(self, labels: Tensor, classes: int) -> Tensor:
        """(examples,) int64, the class t of each."""
        if self.targets == "next":
            return (labels + 1) % classes
        random = generator(torch.device("cpu"), self.seed, "flipped features/targets")
        return torch.randint(classes, labels.shape, generator=random)

    def _craft(self, train: Split, wanted: Tensor, data: ImageData, experiment: Any, model: nn.Module) -> Tensor:
        """(examples, channels, height, width) uint8, for the examples of `train`."""
        device = resolve(experiment.device)
        random = generator(device, self.seed, "flipped features")

        def towards_the_target(images: Tensor, part: slice) -> Tensor:
            return self.attack.last(model, images, Targeted(wanted[part].to(device)), self.threat_model, random)

        return craft(model, train, data, experiment, towards_the_target)
