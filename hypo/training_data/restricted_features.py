"""D_R and D_NR: other images that look like the training images to a model, and to that model alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from hypo.architectures import representation
from hypo.architectures.representation import Representation
from hypo.attacks.model_state import attacked
from hypo.attacks.threat_models.l2 import L2
from hypo.datasets.images import ImageData, Split
from hypo.runs.crafted import Crafted
from hypo.settings import checks
from hypo.settings.device import resolve
from hypo.settings.errors import InputError
from hypo.settings.other_run import OtherRun
from hypo.settings.randomness import generator
from hypo.training_data.crafting import craft, made_of
from hypo.training_data.other_model import crafting_run

_UNIT = L2(1.0)


@dataclass(frozen=True)
class RestrictedFeatures:
    """x_r = argmin ‖g(x_r) − g(x)‖₂ from an image that has nothing to do with x; the label stays that of x.

    Only the features that g looks at are left to learn x's label from. D_R, the "robust" training set, is made
    with the representation g of an adversarially trained model, and D_NR, the "non-robust" one, with that of a
    standard one (Ilyas et al. 2019, Equation 5 and Section 3.1). D_NR is not the set of adversarial examples under
    the label of their target, D_det, which a lecture (IFT 6164, Experiment 1) calls so: see `FlippedFeatures`.

    Every step moves x_r by `step_length` in ℓ2 straight down, and back into [0, 1]; x_r is where the last one
    leads. Their published appendix divides the distance by ‖g(x)‖₂, which changes none of the steps. The images
    are stored with 8 bits as all others are.

    Attributes:
        model: g's; see `crafting_run` for what it is trained on.
        start: "image", a training image drawn uniformly for every x, whatever its label, or "noise", uniform in
            [0, 1].
        steps: ≥ 1.
        step_length: > 0, in units of the image range [0, 1].
        seed: of where they start, so that the runs of all seeds share one set.
    """

    model: OtherRun
    start: Literal["image", "noise"] = "image"
    steps: int = 1000
    step_length: float = 0.1
    seed: int = 0

    uses_threat_model: ClassVar[bool] = False

    def __post_init__(self) -> None:
        checks.choice("start", self.start, ("image", "noise"))
        checks.integer("steps", self.steps, at_least=1)
        checks.number("step_length", self.step_length, above=0)
        checks.integer("seed", self.seed, at_least=0)

    def prerequisites(self, experiment: Any) -> Sequence[Any]:
        """The run whose model has g."""
        return (crafting_run(self.model, experiment),)

    def check(self, experiment: Any, shape: tuple[int, int, int], classes: int) -> None:
        """Refuse, with InputError, a model without a penultimate layer."""
        (needed,) = self.prerequisites(experiment)
        try:
            representation.check(needed.arch, shape, classes)
        except InputError as error:
            raise InputError(f"training_data.model.{error}") from None

    def prepare(
        self, data: ImageData, experiment: Any, models: Sequence[nn.Module], crafted: Crafted
    ) -> ImageData:
        """`data` with crafted images for those that will be trained on, stored as finely as 8 bits allow.

        Raises:
            InputError: when the model was trained for another number of classes.
        """
        finer = data.finer()
        train, _ = finer.train.limited(experiment.recipe.train_limit)
        (needed,), (model,) = self.prerequisites(experiment), models
        settings = {
            "start": self.start,
            "steps": self.steps,
            "step_length": self.step_length,
            "seed": self.seed,
            **made_of(experiment, needed),
        }
        images = crafted.images(
            "restricted_features", settings, lambda: self._craft(train, finer, experiment, model)
        )
        return replace(finer, train=Split(images.contiguous(memory_format=torch.channels_last), train.labels))

    def _craft(self, train: Split, data: ImageData, experiment: Any, model: nn.Module) -> Tensor:
        """(examples, channels, height, width) uint8, for the examples of `train`."""
        random = generator(torch.device("cpu"), self.seed, "restricted features")
        drawn = torch.randint(len(train), (len(train),), generator=random)
        device, seen_as = resolve(experiment.device), Representation(model)

        def seen_alike(images: Tensor, part: slice) -> Tensor:
            if self.start == "noise":
                begun = torch.rand(images.shape, generator=random).to(device)
            else:
                begun = train.images[drawn[part]].to(device).float() / data.maximum
            return self._descended(seen_as, begun, images)

        return craft(model, train, data, experiment, seen_alike)

    def _descended(self, seen_as: Representation, points: Tensor, images: Tensor) -> Tensor:
        """Where the steps lead from `points`, of the shape of `images`, both in [0, 1]."""
        with attacked(seen_as):
            with torch.no_grad():
                wanted = seen_as(images)
            for _ in range(self.steps):
                points = points.detach().requires_grad_()
                # Squared, because the root has no gradient at 0; it points the same way.
                distance = (seen_as(points) - wanted).square().sum()
                (gradient,) = torch.autograd.grad(distance, points)
                points = (points.detach() - self.step_length * _UNIT.direction(gradient)).clamp(0, 1)
        return points
