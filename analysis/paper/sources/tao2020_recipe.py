"""The recipe of Tao et al. (2020): Appendix A.2 the models without a defense, A.3 the defended ones.

On augmentation, the last batch, the first weights of LeNet and weight decay on MNIST the paper is silent, so that
these are ours; held-out examples choose the epoch.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from analysis.paper.sources.settings import Settings, below, target, together

_ALL: Settings = {
    "_target_": "Recipe",
    "batch": 128,
    "last_batch": "drop",
    "momentum": 0.9,
    "precision": "float32",
    "train_limit": None,
    "hold_out": 1000,
    "keep": "best",
}
_TRAINING: Mapping[str, Settings] = {
    "mnist": {
        **_ALL,
        "epochs": 80,
        "optimizer": "adam",
        "learning_rate": 0.001,
        "weight_decay": 0,
        "schedule": "constant",
        "milestones": [],
        "crop_padding": 0,
        "flip": False,
    },
    "cifar10": {
        **_ALL,
        "epochs": 150,
        "optimizer": "sgd",
        "learning_rate": 0.1,
        "weight_decay": 2e-4,
        "schedule": "milestones",
        "milestones": [90, 125],
        "crop_padding": 4,
        "flip": True,
    },
    "imagenet": {},  # nothing is trained
}
_ARCHS: Mapping[str, Settings] = {
    "lenet": {"width": 16},
    "wide_resnet": {"depth": 28, "width": 10, "initialisation": "torchvision"},
}
_IMAGES: Mapping[str, Settings] = {"imagenet": {"size": 224, "resize": None}}
"""On how ImageNet's images are cut the paper is silent: as its networks were trained for."""

_WEAK = 2 / 255
"""Up to this ε the inner attack on CIFAR-10 has 7 steps of ε/3."""


def recipe(run: Mapping[str, Any]) -> Settings:
    """Every single setting of the paper's recipe for the experiment of `run`."""
    dataset, defense = run["dataset"], run["defense"]
    return together(
        {
            "dataset": {"_target_": target(dataset), **_IMAGES.get(dataset, {})},
            "training_data": {"_target_": target(run["training_data"])},
            "arch": _arch(run),
            "defense": {"_target_": target(defense), **_defense(defense, dataset, run["epsilon_value"])},
            "threat_model": {"_target_": target(run["norm"])},
            "recipe": _TRAINING[dataset],
            "evaluation": {"_target_": "Evaluation", "test_limit": None},
        }
    )


def _arch(run: Mapping[str, Any]) -> Settings:
    """Appendix A.1 and A.2: of ImageNet's networks one is pretrained, with the only weights that there were."""
    name = run["arch"]
    if run["dataset"] != "imagenet":
        return {"_target_": target(name), **_ARCHS[name]}
    weights = None if run["training_data"] == "naive" else "IMAGENET1K_V1"
    return {"_target_": "Torchvision", "weights": weights, "stem": "imagenet", "resize": None}


def _defense(defense: str, dataset: str, epsilon: float) -> Settings:
    """Appendix A.3, "Attack procedure"."""
    if defense == "standard":
        return {}
    weak = dataset == "cifar10" and epsilon <= _WEAK + 1e-9
    steps, relative_step = (7, 1 / 3) if weak else (10, 1 / 4)
    attack = {"_target_": "ProjectedGradient", "steps": steps, "relative_step": relative_step, "restarts": 1}
    joint = {} if defense == "pgd_at" else {"joint_forward": False}
    return {**below("attack", {**attack, "start": "uniform"}), **joint}
