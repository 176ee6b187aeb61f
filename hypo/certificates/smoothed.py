"""The classifier that names the class which a model names most often under Gaussian noise (Cohen et al. 2019)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from hypo.attacks.goals.goal import Goal
from hypo.attacks.searches.search import Search, best_from
from hypo.attacks.threat_models.threat_model import ThreatModel
from hypo.settings.randomness import example_noise


@dataclass(frozen=True)
class Smoothed:
    """g(x), the class c with the largest P(f(x + δ) = c), δ ~ N(0, σ²·I).

    Attributes:
        model: f, frozen and in `eval()` mode, from images, which noise takes out of [0, 1], to logits.
        sigma: σ > 0, in units of the image range [0, 1].
        seed: of the noise, which depends on the example and on what it is for, too.
        batch: how many noisy images at once.
    """

    model: nn.Module
    sigma: float
    seed: int
    batch: int

    def votes(self, images: Tensor, examples: Tensor, samples: int, purpose: str) -> np.ndarray:
        """How often f names each class of each image under noise, (images, classes) int64.

        Args:
            images: (images, channels, height, width).
            examples: (images,) int64, their numbers in the test set.
        """
        return np.array(
            [
                self._votes(image, number, samples, f"smoothing/{purpose}").tolist()
                for image, number in zip(images, examples, strict=True)
            ]
        )

    def attacked(
        self,
        images: Tensor,
        examples: Tensor,
        goal: Goal,
        ball: ThreatModel,
        search: Search,
        copies: int,
        purpose: str,
    ) -> Tensor:
        """Where `search` ends that is after g, as the mean softmax of a few noisy copies stands for it.

        Source: Salman et al., "Provably Robust Deep Learning via Adversarially Trained Smoothed Classifiers"
        (NeurIPS 2019).

        Args:
            images, examples: as of `votes`.
            copies: how many, with the same noise in all steps.
        """
        shape = tuple(images.shape[1:])
        noise = example_noise(self.seed, f"smoothing/{purpose}/copies", 0, examples, (copies, *shape))
        starts = (
            example_noise(self.seed, f"smoothing/{purpose}", restart, examples, shape)
            for restart in range(search.restarts)
        )
        averaged = NoisyAverage(self.model, self.sigma * noise.transpose(0, 1))
        return best_from(starts, search, averaged, images, goal, ball)

    def _votes(self, image: Tensor, number: Tensor, samples: int, purpose: str) -> Tensor:
        counts = []
        with torch.no_grad():
            for at, begin in enumerate(range(0, samples, self.batch)):
                count = min(self.batch, samples - begin)
                noise = example_noise(self.seed, purpose, at, number[None], (count, *image.shape))[0]
                logits = self.model(image + self.sigma * noise)
                counts.append(logits.argmax(1).bincount(minlength=logits.shape[1]))
        return torch.stack(counts).sum(0)


class NoisyAverage(nn.Module):
    """The logarithm of the mean softmax of a few noisy copies of each image.

    Args:
        noise: (copies, batch, channels, height, width), that of every batch it is given.
    """

    def __init__(self, model: nn.Module, noise: Tensor) -> None:
        super().__init__()
        self.model = model
        self.noise = noise

    def forward(self, images: Tensor) -> Tensor:
        """(batch, classes) logarithms of probabilities."""
        logits = self.model((images + self.noise).flatten(0, 1))
        each = logits.view(len(self.noise), len(images), -1).log_softmax(2)
        return each.logsumexp(0) - math.log(len(self.noise))
