from __future__ import annotations

import importlib
import json
import pkgutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from typing import Any

import pytest
import yaml

import hypo
from hypo.architectures.lenet import Lenet
from hypo.attacks.searches.projected_gradient import ProjectedGradient
from hypo.attacks.searches.random_points import RandomPoints
from hypo.attacks.searches.search import Search
from hypo.defenses.standard import Standard
from hypo.defenses.thrm import Thrm
from hypo.measurements.evaluation import Evaluation
from hypo.settings.components import build, describe
from hypo.settings.errors import InputError
from hypo.threat_models.l2 import L2
from hypo.threat_models.linf import Linf
from hypo.training.recipe import Recipe
from hypo.training_data.poisoning import Crafter

GROUPS = {"architectures", "datasets", "defenses", "threat_models", "training_data"}

REQUIRED: dict[str, Any] = {
    "lambda_": 2.5,
    "epsilon": 8 / 255,
    "attack": ProjectedGradient(steps=3, start="gaussian"),
    "epochs": 7,
    "batch": 11,
    "optimizer": "adam",
    "learning_rate": 0.3,
    "crafter": Crafter(Lenet(), 0.1),
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
                    if not hasattr(cls, "fingerprint"):
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
    found = {name.split(".")[1] for name in COMPONENTS}
    assert found >= GROUPS
    assert {"hypo.defenses.thrm.Thrm", "hypo.threat_models.l2.L2", "hypo.datasets.mnist.Mnist"} <= set(COMPONENTS)


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
    assert build({"_target_": "hypo.threat_models.linf.Linf", "epsilon": "8/255"}, "threat_model") == Linf(8 / 255)
    assert build({"_target_": "hypo.architectures.mlp.Mlp", "hidden": [3, 4.0]}, "arch").hidden == (3, 4)


def test_a_default_class_needs_no_target() -> None:
    assert build({"epsilon": 1}, "threat_model", L2) == L2(1.0)
    with pytest.raises(InputError, match=r"^threat_model: has no _target_"):
        build({"epsilon": 1}, "threat_model")


RECIPE = {
    "_target_": "hypo.training.recipe.Recipe",
    "epochs": 1,
    "batch": 1,
    "optimizer": "sgd",
    "learning_rate": 0.1,
}


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


EVALUATION = {"_target_": "hypo.measurements.evaluation.Evaluation"}
RANDOM = "hypo.attacks.searches.random_points.RandomPoints"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"attack": 3}, r"^evaluation\.attack: takes a group of settings, got 3"),
        ({"attack": {"_target_": RANDOM, "steps": 0}}, r"^evaluation\.attack\.steps: takes a whole number >= 1"),
        ({"attack": {"_target_": RANDOM, "start": "clean"}}, r"^evaluation\.attack\.start: no such setting; Rand"),
        ({"attack": {}, "then": [1]}, r"^evaluation\.then: takes a group of settings, got \[1\]"),
        ({"attack": {}, "then": {"a": None}}, r"^evaluation\.then\.a: takes a group of settings, got None"),
        ({"attack": {}, "then": {"a": {"steps": 3}}}, r"^evaluation\.then\.a: has no _target_"),
        (
            {"attack": {}, "then": {"a": {"_target_": RANDOM, "steps": 0}}},
            r"^evaluation\.then\.a\.steps: ",
        ),
        ({"attack": {}, "then": {"attack": {"_target_": RANDOM}}}, r"^evaluation\.then: takes other names"),
    ],
)
def test_a_search_that_cannot_be_built_is_refused_in_one_line(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message) as error:
        build({**EVALUATION, **settings}, "evaluation")
    assert "\n" not in str(error.value)


def test_any_search_can_be_the_first() -> None:
    assert build({**EVALUATION, "attack": {"_target_": RANDOM}}, "evaluation").attack == RandomPoints()
    assert build({**EVALUATION, "attack": {"steps": 4}}, "evaluation").attack == ProjectedGradient(steps=4)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"epoch": 3}, r"^recipe\.epoch: no such setting; Recipe takes epochs, batch, "),
        ({"epochs": "many"}, r"^recipe\.epochs: takes a whole number, got 'many'"),
        ({"epochs": [1, 2]}, r"^recipe\.epochs: takes a whole number, got \[1, 2\]"),
        ({"epochs": None}, r"^recipe\.epochs: takes a whole number, got None"),
        ({"epochs": 0}, r"^recipe\.epochs: takes a whole number >= 1, got 0"),
        ({"optimizer": "lion"}, r"^recipe\.optimizer: takes one of sgd, adam, lp_adam, got 'lion'"),
        ({"learning_rate": "8/0"}, r"^recipe\.learning_rate: takes a number"),
        ({"flip": "yes"}, r"^recipe\.flip: takes one of True, False, got 'yes'"),
        ({"milestones": 3}, r"^recipe\.milestones: takes a list such as \[1, 2\], got 3"),
        ({"milestones": ["x"]}, r"^recipe\.milestones: takes a whole number, got 'x'"),
        ({"schedule": "milestones"}, r"^recipe\.milestones: takes the epochs"),
        (
            {"_target_": "hypo.training.recipe.Recipes"},
            r"^recipe\._target_: takes the dotted path of a dataclass, got 'hypo\.",
        ),
        ({"_target_": "hypo.recipes.Recipes"}, r"^recipe\._target_: takes the dotted path of a dataclass, got"),
        ({"_target_": "Recipe"}, r"^recipe\._target_: takes a class of hypo"),
        ({"_target_": None}, r"^recipe\._target_: takes a class of hypo"),
        ({"_target_": 3}, r"^recipe\._target_: takes a class of hypo"),
    ],
)
def test_what_cannot_be_built_is_refused_in_one_line(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message) as error:
        build({**RECIPE, **changes}, "recipe")
    assert "\n" not in str(error.value)


def test_a_missing_setting_is_named_as_a_user_types_it() -> None:
    with pytest.raises(InputError, match=r"^recipe\.epochs: must be given"):
        build({name: value for name, value in RECIPE.items() if name != "epochs"}, "recipe")
    with pytest.raises(InputError, match=r"^epsilon: must be given"):
        build({"_target_": "hypo.threat_models.linf.Linf"}, "threat_model")
    with pytest.raises(InputError, match=r"^lambda: takes a number"):
        build({"_target_": "hypo.defenses.thrm.Thrm", "lambda_": "x", "attack": {}}, "defense")
    with pytest.raises(InputError, match=r"^defense\.attack: takes a group of settings, got 3"):
        build({"_target_": "hypo.defenses.thrm.Thrm", "lambda_": 1, "attack": 3}, "defense")


def test_booleans_typed_as_numbers_are_booleans() -> None:
    """Otherwise the same recipe would be two runs."""
    recipe = build({**RECIPE, "flip": 1}, "recipe")
    assert recipe.flip is True


@pytest.mark.parametrize(
    "target",
    [
        "os.system",
        "subprocess.Popen",
        "builtins.eval",
        "hypo.jobs.job.os",
        "hypo.settings.components.importlib",
        "shutil.rmtree",
    ],
)
def test_nothing_but_a_dataclass_is_ever_called(target: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def called(*arguments: object, **named: object) -> None:
        raise AssertionError(f"{target} was called")

    monkeypatch.setattr("os.system", called)
    monkeypatch.setattr(subprocess.Popen, "__init__", called)
    for settings in ({}, {"command": "true"}, {"args": ["true"]}):
        with pytest.raises(InputError, match=r"^arch\._target_: "):
            build({"_target_": target, **settings}, "arch")


def test_no_module_outside_of_hypo_is_ever_imported(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "trap.py").write_text("raise SystemExit('imported')")
    (tmp_path / "hypocrisy.py").write_text("raise SystemExit('imported')")
    monkeypatch.syspath_prepend(str(tmp_path))
    for target in ("trap.Trap", "hypocrisy.Trap", "antigravity.Trap"):
        with pytest.raises(InputError, match="takes a class of hypo or of an imported module"):
            build({"_target_": target}, "arch")
    assert not {"trap", "hypocrisy", "antigravity"} & set(sys.modules)


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
        if module.name.rpartition(".")[2] != "run":
            for name, each in vars(importlib.import_module(module.name)).items():
                if is_dataclass(each) and isinstance(each, type) and not name.startswith("_"):
                    found.setdefault(name, set()).add(each.__module__)
    assert len(found) > 40
    assert {name: modules for name, modules in found.items() if len(modules) > 1} == {}
