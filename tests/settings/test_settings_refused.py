"""Settings that cannot be built: one line each, and nothing foreign is called or imported."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from written_settings import EVALUATION, RANDOM, RECIPE

from hypo.settings.components import build
from hypo.settings.errors import InputError


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
        build({"_target_": "hypo.attacks.threat_models.linf.Linf"}, "threat_model")
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
