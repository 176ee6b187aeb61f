from __future__ import annotations

import importlib
import json
import pkgutil
from collections.abc import Iterator
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from typing import Any

import pytest
import yaml
from written_settings import EVALUATION, RANDOM, RECIPE

import hypo
from hypo.architectures.lenet import Lenet
from hypo.attacks.searches.projected_gradient import ProjectedGradient
from hypo.attacks.searches.random_points import RandomPoints
from hypo.attacks.searches.search import Search
from hypo.attacks.threat_models.l2 import L2
from hypo.attacks.threat_models.linf import Linf
from hypo.defenses.standard import Standard
from hypo.defenses.thrm import Thrm
from hypo.measurements.evaluation import Evaluation
from hypo.settings.components import build, describe
from hypo.settings.errors import InputError
from hypo.settings.other_run import OtherRun
from hypo.training.recipe import Recipe
from hypo.training_data.poisoning import Crafter

GROUPS = {"architectures", "attacks.threat_models", "datasets", "defenses", "training_data"}

REQUIRED: dict[str, Any] = {
    "lambda_": 2.5,
    "epsilon": 8 / 255,
    "attack": ProjectedGradient(steps=3, start="gaussian"),
    "epochs": 7,
    "batch": 11,
    "optimizer": "adam",
    "learning_rate": 0.3,
    "crafter": Crafter(Lenet(), 0.1),
    "name": "resnet18",
    "model": OtherRun(arch=Lenet(2), seed=3),
    "targets": "next",
    "held": {"narrow": OtherRun(arch=Lenet(2)), "reseeded": OtherRun(seed=5)},
}
"""Values for the fields that have no default."""


def components() -> Iterator[Any]:
    """An instance of every dataclass that a config can name, whatever module it is in."""
    for group in sorted(GROUPS):
        package = importlib.import_module(f"hypo.{group}")
        for module in pkgutil.iter_modules(package.__path__):
            name = f"hypo.{group}.{module.name}"
            for cls in vars(importlib.import_module(name)).values():
                own = isinstance(cls, type) and is_dataclass(cls) and cls.__module__ == name
                methods = {"build", "load", "loss", "project", "prepare"}
                if own and any(hasattr(cls, method) for method in methods):
                    missing = [
                        f.name for f in fields(cls) if f.default is MISSING and f.default_factory is MISSING
                    ]
                    # A fingerprint is asked of real files, so that such a component is built in its own tests.
                    # A ball that is made of another one while a search runs is no setting.
                    if not hasattr(cls, "fingerprint") and "ball" not in missing:
                        yield cls(**{name: REQUIRED[name] for name in missing})
    yield Recipe(epochs=1, batch=2, optimizer="sgd", learning_rate=1.0, schedule="milestones", milestones=(1, 2))
    yield Evaluation(ProjectedGradient(), success="last_iterate", test_limit=9)
    yield ProjectedGradient(restarts=4)


COMPONENTS = {f"{type(component).__module__}.{type(component).__name__}": component for component in components()}


@pytest.mark.parametrize("name", sorted(COMPONENTS))
def test_build_undoes_describe(name: str) -> None:
    component = COMPONENTS[name]
    described = describe(component)
    assert described["_target_"] == name
    assert build(described, "group") == component
    # Also through the two kinds of file it is written to.
    assert build(json.loads(json.dumps(described)), "group") == component
    assert build(yaml.safe_load(yaml.safe_dump(described)), "group") == component


def test_the_components_are_all_there() -> None:
    found = {name.removeprefix("hypo.").rsplit(".", 2)[0] for name in COMPONENTS}
    assert found >= GROUPS
    assert {"hypo.defenses.thrm.Thrm", "hypo.attacks.threat_models.l2.L2", "hypo.datasets.mnist.Mnist"} <= set(
        COMPONENTS
    )


def test_values_are_understood_as_a_user_types_them() -> None:
    thrm = build(
        {
            "_target_": "hypo.defenses.thrm.Thrm",
            "name": "thrm",
            "lambda_": "5",
            "attack": {"steps": "10", "relative_step": "1/4"},
        },
        "defense",
    )
    assert thrm == Thrm(5.0, ProjectedGradient(steps=10, relative_step=0.25))
    assert build({"_target_": "hypo.attacks.threat_models.linf.Linf", "epsilon": "8/255"}, "threat_model") == Linf(
        8 / 255
    )
    assert build({"_target_": "hypo.architectures.mlp.Mlp", "hidden": [3, 4.0]}, "arch").hidden == (3, 4)


def test_a_default_class_needs_no_target() -> None:
    assert build({"epsilon": 1}, "threat_model", L2) == L2(1.0)
    with pytest.raises(InputError, match=r"^threat_model: has no _target_"):
        build({"epsilon": 1}, "threat_model")


def test_components_by_name_are_built_and_described_each_in_its_place() -> None:
    attack = ProjectedGradient(steps=3)
    evaluation = Evaluation(attack, then={"more": RandomPoints(7), "again": attack})
    described = describe(evaluation)
    assert described["then"] == {"more": describe(RandomPoints(7)), "again": describe(attack)}
    text = yaml.safe_dump(described, sort_keys=False)
    for read in (described, json.loads(json.dumps(described)), yaml.safe_load(text)):
        built = build(read, "evaluation")
        assert built == evaluation
        assert list(built.searches) == ["attack", "more", "again"]


def test_a_result_hangs_on_the_order_of_components_and_not_on_their_names() -> None:
    def identity(**then: Search) -> Any:
        return describe(Evaluation(ProjectedGradient(), then=then), identity=True)

    one, other = RandomPoints(7), ProjectedGradient(steps=3)
    assert "then" not in identity()
    assert identity(a=one, b=other) == identity(x=one, y=other)
    assert identity(a=one, b=other) != identity(a=other, b=one)
    assert identity(a=one)["then"] == [{"_target_": "RandomPoints", "steps": 7}]
    evaluations = [Evaluation(other, then=then) for then in ({"a": one, "b": other}, {"b": other, "a": one})]
    assert evaluations[0] != evaluations[1]
    assert evaluations[0] == Evaluation(other, then={"a": one, "b": other})


def test_any_search_can_be_the_first() -> None:
    assert build({**EVALUATION, "attack": {"_target_": RANDOM}}, "evaluation").attack == RandomPoints()
    assert build({**EVALUATION, "attack": {"steps": 4}}, "evaluation").attack == ProjectedGradient(steps=4)


@dataclass(frozen=True)
class Folder:
    """Settings that a result depends on, one that it does not, and contents outside the settings."""

    size: int = 3
    root: str = field(default="here", metadata={"identity": False})

    def fingerprint(self) -> str:
        return f"{self.size} files"


def test_identity_leaves_out_what_cannot_change_a_result() -> None:
    target = f"{Folder.__module__}.Folder"
    fingerprint = "3 files"
    assert describe(Folder()) == {"_target_": target, "size": 3, "root": "here", "fingerprint": fingerprint}
    assert describe(Folder(), identity=True) == {"_target_": target, "size": 3, "fingerprint": fingerprint}
    assert build(describe(Folder(size=4, root="there")), "dataset") == Folder(4, "there")


@dataclass(frozen=True)
class Grown:
    """Settings of which one is younger than the others."""

    size: int = 3
    shape: str = field(default="round", metadata={"implied": "round"})


def test_a_setting_that_came_later_leaves_the_ids_from_before_it_as_they_are() -> None:
    target = f"{Grown.__module__}.Grown"
    assert describe(Grown(), identity=True) == {"_target_": target, "size": 3}
    assert describe(Grown(shape="flat"), identity=True) == {"_target_": target, "size": 3, "shape": "flat"}
    assert describe(Grown()) == {"_target_": target, "size": 3, "shape": "round"}


def test_nested_components_are_described_with_every_default() -> None:
    described = describe(Thrm(1.0, ProjectedGradient()))
    assert described["attack"] == {
        "_target_": "hypo.attacks.searches.projected_gradient.ProjectedGradient",
        "steps": 20,
        "relative_step": 0.25,
        "restarts": 1,
        "start": "uniform",
    }
    assert describe(Standard()) == {"_target_": "hypo.defenses.standard.Standard"}


def test_settings_written_before_a_class_moved_are_still_read() -> None:
    assert build({**RECIPE, "_target_": "hypo.somewhere.else.Recipe"}, "recipe") == build(RECIPE, "recipe")


def test_no_two_components_have_the_same_name() -> None:
    """A name alone stands for a component in the run id."""
    found: dict[str, set[str]] = {}
    for module in pkgutil.walk_packages(hypo.__path__, "hypo."):
        if module.name.rpartition(".")[2] not in ("run", "audit"):
            for name, each in vars(importlib.import_module(module.name)).items():
                if is_dataclass(each) and isinstance(each, type) and not name.startswith("_"):
                    found.setdefault(name, set()).add(each.__module__)
    assert len(found) > 40
    assert {name: modules for name, modules in found.items() if len(modules) > 1} == {}
