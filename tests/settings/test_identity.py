from __future__ import annotations

import dataclasses
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_models import small_experiment

import hypo.settings.identity
from hypo.attacks.searches.projected_gradient import ProjectedGradient
from hypo.attacks.threat_models.linf import Linf
from hypo.datasets.mnist import Mnist
from hypo.defenses.standard import Standard
from hypo.defenses.thrm import Thrm
from hypo.jobs.experiment import Experiment
from hypo.measurements.evaluation import Evaluation
from hypo.settings.identity import run_id, short_hash, training_id
from hypo.training.recipe import Recipe

plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def experiment(**changes: object) -> Experiment:
    return small_experiment(Thrm(5.0, ProjectedGradient()), **changes)


def test_a_run_id_is_twelve_hexadecimal_digits() -> None:
    assert re.fullmatch("[0-9a-f]{12}", run_id(experiment()))
    assert run_id(experiment()) == run_id(experiment())


def test_hashes_stay_what_they_are() -> None:
    """Another hash would orphan every run on disk."""
    assert short_hash({"schema": 1, "b": [1, 2.0, None, True], "a": {"x": 0.1, "é": "8/255"}}) == "553c077e484e"


@given(plain)
def test_hashes_do_not_depend_on_order_or_on_how_a_number_is_written(value: object) -> None:
    def rewritten(item: object) -> object:
        if isinstance(item, dict):
            return {key: rewritten(item[key]) for key in reversed(item)}
        if isinstance(item, list):
            return tuple(rewritten(each) for each in item)
        if (
            isinstance(item, int)
            and not isinstance(item, bool)
            and int(float(item) if abs(item) < 2**53 else 0) == item
        ):
            return float(item)
        return item

    assert short_hash(value) == short_hash(rewritten(value))


def test_6_and_6_0_are_the_same_number() -> None:
    attack = ProjectedGradient()
    assert run_id(small_experiment(Thrm(6, attack))) == run_id(small_experiment(Thrm(6.0, attack)))
    assert run_id(small_experiment(Thrm(6.5, attack))) != run_id(small_experiment(Thrm(6.0, attack)))


@pytest.mark.parametrize(
    "changes",
    [
        {"device": "cuda"},
        {"evaluation": Evaluation(ProjectedGradient(steps=6), batch=7)},
    ],
)
def test_what_cannot_change_a_result_is_left_out(changes: dict[str, object]) -> None:
    assert run_id(experiment(**changes)) == run_id(experiment())


def test_where_the_data_lie_is_left_out() -> None:
    here, there = Mnist(root="here"), Mnist(root="there", download=True)
    assert run_id(experiment(dataset=here)) == run_id(experiment(dataset=there))
    assert run_id(experiment(dataset=here)) != run_id(experiment())


@pytest.mark.parametrize(
    "changes",
    [
        {"seed": 1},
        {"defense": Thrm(5.1, ProjectedGradient())},
        {"defense": Thrm(5.0, ProjectedGradient(steps=19))},
        {"threat_model": Linf(0.050001)},
        {"evaluation": Evaluation(ProjectedGradient(steps=6), success="last_iterate")},
        {"evaluation": Evaluation(ProjectedGradient(steps=6), test_limit=5)},
        {"evaluation": Evaluation(ProjectedGradient(steps=6, restarts=2))},
    ],
)
def test_what_can_change_a_result_enters(changes: dict[str, object]) -> None:
    assert run_id(dataclasses.replace(experiment(), **changes)) != run_id(experiment())


def test_every_setting_of_the_recipe_enters_but_how_it_is_computed() -> None:
    recipe = dataclasses.replace(experiment().recipe, hold_out=1)  # without which no best epoch can be kept
    others = {
        "epochs": 4, "batch": 21, "optimizer": "adam", "learning_rate": 0.06, "momentum": 0.8, "weight_decay": 0.1,
        "schedule": "constant", "milestones": (1,), "crop_padding": 2, "flip": False, "precision": "bfloat16",
        "train_limit": 5, "last_batch": "keep", "hold_out": 2, "keep": "best",
    }  # fmt: skip
    assert {*others, "cuda_graph"} == {field.name for field in dataclasses.fields(recipe)}
    in_steps = dataclasses.replace(recipe, cuda_graph=False)
    assert run_id(experiment(recipe=in_steps)) == run_id(experiment(recipe=recipe))
    ids = {
        run_id(experiment(recipe=dataclasses.replace(recipe, **{name: value}))) for name, value in others.items()
    }
    assert len(ids | {run_id(experiment(recipe=recipe))}) == len(others) + 1


def test_lambda_does_not_enter_where_the_defense_takes_none() -> None:
    described = hypo.settings.identity.describe(small_experiment(Standard()), identity=True)
    assert "lambda" not in str(described)


def test_the_schema_enters(monkeypatch: pytest.MonkeyPatch) -> None:
    before = run_id(experiment())
    monkeypatch.setattr(hypo.settings.identity, "SCHEMA", 3)
    assert run_id(experiment()) != before


def test_a_run_id_survives_a_move(monkeypatch: pytest.MonkeyPatch) -> None:
    before = run_id(experiment()), training_id(experiment())
    for moved in (Thrm, Linf, Recipe, ProjectedGradient, Evaluation):
        monkeypatch.setattr(moved, "__module__", "hypo.another_room.another_file")
    assert (run_id(experiment()), training_id(experiment())) == before


def test_a_class_of_another_package_is_not_taken_for_hypos_of_that_name(monkeypatch: pytest.MonkeyPatch) -> None:
    before = run_id(experiment())
    monkeypatch.setattr(Thrm, "__module__", "mine.defenses")
    assert run_id(experiment()) != before
