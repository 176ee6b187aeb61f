"""The two recipes that the published numbers can be from, and in what a run differs from the one it is nearer to.

The paper's is Appendix A of Tao et al. (2022): A.1 the data sets, A.2 robust training, A.3 the training data, and
Appendix G with Zhang et al. (2021) the ℓ∞-dist nets. The other is that of the authors' code, where it differs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from analysis.paper.published_attacks import is_of_the_attack
from analysis.reading.setting_values import is_recorded, same, written

Settings = Mapping[str, Any]

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


@dataclass(frozen=True)
class Deviations:
    """In what a run differs from a published recipe, such as "recipe.batch = 64 (published 128)".

    `of_code`: whether that is the recipe of the authors' code, to which the run is nearer than to the paper's.
    """

    texts: tuple[str, ...] = ()
    of_code: bool = False


def settings_that_matter(run: Mapping[str, Any]) -> dict[str, Any]:
    """Every single setting of `run` (a row of `collect`) that is recorded and can change its result."""
    untrained = ("defense.", "recipe.") if run["training_data"] == "naive" else ()
    return {
        key: value
        for key, value in run.items()
        if "." in key and not key.startswith(untrained) and is_recorded(value)
    }


def deviations(run: Mapping[str, Any]) -> Deviations:
    """In what `run`, one of a published row's experiment, differs from the recipe that it is nearer to.

    Its attack is no part of the recipe (see `published_attacks`).
    A setting that an older run did not record is not known to differ.
    """
    ours = {key: value for key, value in settings_that_matter(run).items() if not is_of_the_attack(key)}
    of_paper, of_code = (_differences(ours, _recipe(run, code)) for code in (False, True))
    # Where a run is as near to both, or no setting tells the two apart, how its attack is scored does.
    scored = run.get("evaluation.success") == "last_iterate"
    if (len(of_code), not scored) < (len(of_paper), scored):
        return Deviations(of_code, of_code=True)
    return Deviations(of_paper)


def _differences(ours: Settings, published: Settings) -> tuple[str, ...]:
    found = []
    for key, value in ours.items():
        if key not in published:
            found.append(f"{key} = {written(value)} (in no published recipe)")
        elif not same(value, published[key]):
            found.append(f"{key} = {written(value)} (published {written(published[key])})")
    return tuple(found)


def _recipe(run: Mapping[str, Any], code: bool) -> Settings:
    """Every single setting of the paper's recipe, or of the code's, for the experiment of `run`."""
    dataset, data, arch, defense = (run[key] for key in ("dataset", "training_data", "arch", "defense"))
    weight = run["lambda_value"] if defense in ("trades", "thrm") else 0.0
    groups: dict[str, Settings] = {
        "dataset": {"_target_": _target(dataset)},
        "training_data": {"_target_": _target(data), **_training_data(dataset, data, arch, code)},
        "arch": _arch(arch, code),
        "defense": {"_target_": _target(defense), **_defense(defense, code)},
        "threat_model": {"_target_": _target(run["norm"])},
        "recipe": _training(dataset, data, arch, weight, code),
        "evaluation": {"_target_": "Evaluation", "test_limit": None},
    }
    return {key: value for group, settings in groups.items() for key, value in _below(group, settings).items()}


def _target(option: str) -> str:
    """The class of an option, which has its name."""
    return "".join(word.capitalize() for word in str(option).split("_"))


def _training(dataset: str, data: str, arch: str, weight: float, code: bool) -> Settings:
    """Appendix A.1; on noise and mislabeled data (A.3) nothing is augmented and no weight decays."""
    # On the last, smaller batch of an epoch the paper is silent; we drop it, the code keeps it.
    ends = {"last_batch": "keep" if code else "drop"}
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
            **_below("arch", _arch("resnet18", code)),
            "learning_rate": _BY_DATASET[dataset]["learning_rate"],
            "recipe": None,  # the run's, begun at this rate
        }
        if arch == "linf_dist_net":
            del crafter["recipe"]
            crafter |= _below("recipe", _training(dataset, "quality", "resnet18", 0.0, code))
        stored = {"seed": 0, "stored": "truncated" if code else "rounded"}
        return {**_below("attack", _POISONS), **stored, **_below("crafter", crafter)}
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
    return {"_target_": _target(arch), **settings[arch]}


def _defense(defense: str, code: bool) -> Settings:
    """Appendix A.2."""
    if defense == "linf_dist":
        return {"radius": 5}
    if defense not in ("pgd_at", "trades", "thrm"):
        return {}
    attack = {**_INNER_ATTACK, "start": "authors_code" if code else "uniform"}
    joint = {} if defense == "pgd_at" else {"joint_forward": code}
    return {**_below("attack", attack), **joint}


def _below(group: str, settings: Settings) -> dict[str, Any]:
    """The settings under the name of their group."""
    return {f"{group}.{key}": value for key, value in settings.items()}
