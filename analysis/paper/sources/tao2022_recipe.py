"""The recipes that the numbers of Tao et al. (2022) can be from: the paper's, and that of its authors' code.

The paper's is Appendix A: A.1 the data sets, A.2 robust training, A.3 the training data, and Appendix G with Zhang
et al. (2021) the ℓ∞-dist nets. The other is that of the authors' code, where it differs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from analysis.paper.sources.settings import Settings, below, target, together

_SGD: Settings = {
    "optimizer": "sgd",
    "momentum": 0.9,
    "weight_decay": 5e-4,
    "schedule": "milestones",
    "crop_padding": 4,
    "precision": "float32",
    "train_limit": None,
}
_CIFAR: Settings = {
    **_SGD,
    "epochs": 110,
    "milestones": [100, 105],
    "batch": 128,
    "learning_rate": 0.1,
    "flip": True,
}
_BY_DATASET: Mapping[str, Settings] = {
    "cifar10": _CIFAR,
    "cifar100": _CIFAR,
    "svhn": {**_CIFAR, "epochs": 60, "milestones": [50, 55], "learning_rate": 0.01, "flip": False},
    "tiny_imagenet": {**_CIFAR, "epochs": 60, "milestones": [50, 55], "batch": 64},
}
_DIST_NET: Settings = {
    "optimizer": "lp_adam",
    "weight_decay": 5e-3,
    "epochs": 800,
    "schedule": "cosine",
    "milestones": [100],
    "batch": 512,
    "learning_rate": 0.02,
}
_INNER_ATTACK: Settings = {
    "_target_": "ProjectedGradient",
    "steps": 10,
    "relative_step": 0.25,
    "restarts": 1,
}
_POISONS: Settings = {**_INNER_ATTACK, "steps": 100, "relative_step": 0.2, "start": "clean"}


def recipe(run: Mapping[str, Any], code: bool) -> Settings:
    """Every single setting of the paper's recipe, or of the code's, for the experiment of `run`."""
    dataset, data, arch, defense = (run[key] for key in ("dataset", "training_data", "arch", "defense"))
    weight = run["lambda_value"] if defense in ("trades", "thrm") else 0.0
    groups: dict[str, Settings] = {
        "dataset": {"_target_": target(dataset)},
        "training_data": {"_target_": target(data), **_training_data(dataset, data, arch, code)},
        "arch": _arch(arch, code),
        "defense": {"_target_": target(defense), **_defense(defense, code)},
        "threat_model": {"_target_": target(run["norm"])},
        "recipe": _training(dataset, data, arch, weight, code),
        "evaluation": {"_target_": "Evaluation", "test_limit": None},
    }
    return together(groups)


def _training(dataset: str, data: str, arch: str, weight: float, code: bool) -> Settings:
    """Appendix A.1; on noise and mislabeled data (A.3) nothing is augmented and no weight decays."""
    # On the last, smaller batch of an epoch the paper is silent; we drop it, the code keeps it.
    ends = {"last_batch": "keep" if code else "drop", "hold_out": 0, "keep": "last"}
    settings = {"_target_": "Recipe", **ends, **_BY_DATASET[dataset]}
    if arch == "linf_dist_net":
        return {**settings, **_DIST_NET}
    rate = settings["learning_rate"]
    if data in ("noise", "mislabeling"):
        settings |= {"weight_decay": 0, "crop_padding": 0, "flip": False}
        rate = min(rate, 0.01) if arch in ("mlp_tao2022", "vgg16") else rate
    if code:
        rate = 0.01 if arch == "mlp_tao2022" else min(rate, 0.05) if weight >= 10 else rate
    return {**settings, "learning_rate": rate}


def _training_data(dataset: str, data: str, arch: str, code: bool) -> Settings:
    """Appendix A.3. One seed and one ResNet-18 for the data of all runs are the code's: the paper is silent."""
    if data in ("noise", "mislabeling"):
        return {"seed": 0}
    if data == "poisoning":
        crafter = {
            "_target_": "Crafter",
            **below("arch", _arch("resnet18", code)),
            "learning_rate": _BY_DATASET[dataset]["learning_rate"],
            "recipe": None,  # the run's, begun at this rate
        }
        if arch == "linf_dist_net":
            del crafter["recipe"]
            crafter |= below("recipe", _training(dataset, "quality", "resnet18", 0.0, code))
        stored = {"seed": 0, "stored": "truncated" if code else "rounded"}
        return {**below("attack", _POISONS), **stored, **below("crafter", crafter)}
    return {}


def _arch(arch: str, code: bool) -> Settings:
    """Appendix A.1 and G."""
    if arch == "mlp_tao2022":
        hidden, relu = ([3072] * 3, "first") if code else ([3072] * 2, "every")
        return {"_target_": "Mlp", "hidden": hidden, "relu": relu}
    start = {"initialisation": "authors_code" if code else "torchvision"}
    settings: Mapping[str, Settings] = {
        "resnet18": {"width": 64, **start},
        "vgg16": {"width": 64, **start},
        "wide_resnet": {"depth": 28, "width": 10, **start},
        "linf_dist_net": {
            "hidden": [5120] * 5,
            "input_std": 0.2009,
            "p_start": 8,
            "p_end": 1000,
            "hold": 1 / 8,
            "infinite_from": 15 / 16,
            "surrogate_p": 30,
        },
    }
    return {"_target_": target(arch), **settings[arch]}


def _defense(defense: str, code: bool) -> Settings:
    """Appendix A.2."""
    if defense == "linf_dist":
        return {"radius": 5}
    if defense not in ("pgd_at", "trades", "thrm"):
        return {}
    attack = {**_INNER_ATTACK, "start": "authors_code" if code else "uniform"}
    joint = {} if defense == "pgd_at" else {"joint_forward": code}
    return {**below("attack", attack), **joint}
