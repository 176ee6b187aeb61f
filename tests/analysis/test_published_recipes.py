"""The published recipes are what the sweeps of the tables run, and whatever else a run sets is said to differ."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import pytest
from named_sweeps import PAPER, wanted

from analysis.paper import published
from analysis.paper.published_attacks import attack_of, difference
from analysis.paper.published_recipes import Deviations, deviations
from analysis.reading.setting_columns import setting_columns
from hypo.attacks.searches.random_points import RandomPoints
from hypo.jobs.job import Job
from hypo.settings.components import describe
from hypo.settings.identity import GROUPS, trains

TABLES = [f"tao2022/{name}" for name in sorted(PAPER) if name != "table4"]  # Table 4 is pictures


@cache
def cells(name: str, code: bool) -> list[Job]:
    """One seed of a sweep."""
    return wanted(name, "seed=0", f"authors_code={str(code).lower()}")


def is_of(name: str, config: Mapping[str, Any]) -> bool:
    row = setting_columns(config)
    return any(published.matches(row) for published in rows(name))


@cache
def rows(name: str) -> list[published.PublishedRow]:
    return published.table(name)


def attacks(name: str) -> set[str]:
    return {attack for row in rows(name) for attack, _ in row.figures}


@pytest.mark.parametrize("code", [False, True], ids=["paper", "code"])
@pytest.mark.parametrize("name", TABLES)
def test_every_cell_of_every_sweep_is_of_a_published_recipe(name: str, code: bool) -> None:
    assert cells(name, code)
    for job in cells(name, code):
        run = setting_columns(job.config)
        if name == "tao2022/figure2" and run["training_data"] not in ("quality", "mislabeling"):
            continue  # its text has figures of two models, and it draws five
        assert is_of(name, job.config), job.directory_name
        assert attack_of(run) in attacks(name)
        assert deviations(run, "tao2022").texts == ()


def leaves(job: Job) -> Iterator[tuple[str, ...]]:
    """The path of every single setting that enters the run id, but λ and ε, which are set at the top."""

    def below(path: tuple[str, ...], value: Any) -> Iterator[tuple[str, ...]]:
        if isinstance(value, dict):
            for key, inner in value.items():
                yield from below((*path, key), inner)
        else:
            yield path

    groups = [group for group in GROUPS if trains(job.experiment) or group not in ("defense", "recipe")]
    for group in groups:
        described = describe(getattr(job.experiment, group), identity=True)
        yield from (path for path in below((group,), described) if path[-1] not in ("lambda_", "epsilon"))
    yield ("epsilon",)
    if job.config["lambda"] is not None:
        yield ("lambda",)


def another(value: Any) -> Any:
    if isinstance(value, bool):
        return not value
    if value is None:
        return 500
    if isinstance(value, list):
        return [*value, 7]
    return f"{value}_" if isinstance(value, str) and value[0].isalpha() else 0.3


def changed(config: Mapping[str, Any], path: tuple[str, ...]) -> dict[str, Any]:
    copied: dict[str, Any] = copy.deepcopy(dict(config))
    inner = copied
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = another(inner[path[-1]])
    return copied


@pytest.mark.parametrize("code", [False, True], ids=["paper", "code"])
@pytest.mark.parametrize("name", TABLES)
def test_whatever_can_change_the_result_is_said_when_it_is_changed(name: str, code: bool) -> None:
    """As a deviation with both values, as another attack, or as a run that is in no row."""
    of_a_kind = {
        tuple(job.config[group]["name"] for group in GROUPS): job
        for job in cells(name, code)
        if is_of(name, job.config)
    }
    for job in of_a_kind.values():
        for path in leaves(job):
            key = ".".join(path)
            run = setting_columns(changed(job.config, path))
            in_a_row = any(row.matches(run) for row in rows(name))
            told = [] if not in_a_row else [*deviations(run, "tao2022").texts, difference(run, attacks(name))]
            assert not in_a_row or any(f"{key} = " in text for text in told), (job.directory_name, key)


def test_a_run_with_a_further_search_is_of_no_published_attack() -> None:
    (job,) = [job for job in cells("tao2022/table10", False) if job.label.startswith("thrm-lambda5-")]
    config = copy.deepcopy(dict(job.config))
    config["evaluation"]["then"] = {"random": describe(RandomPoints(3))}
    run, plain = setting_columns(config), setting_columns(job.config)
    assert (run["evaluation.then"], plain["evaluation.then"]) == ('["random"]', "[]")
    assert run["settings"] != plain["settings"]
    assert (attack_of(run), attack_of(plain)) == ("", "pgd-20")
    assert 'evaluation.then = ["random"], ' in difference(run, ["pgd-20"])
    assert deviations(run, "tao2022") == deviations(plain, "tao2022") == Deviations()
    del config["evaluation"]["then"]
    assert setting_columns(config) == plain  # of a run from before there was such a setting


def test_what_an_older_run_did_not_record_is_not_known_to_differ() -> None:
    for job in cells("tao2022/table13", False):
        run = setting_columns(job.config)
        for key in [key for key in run if "." in key]:
            assert deviations({**run, key: float("nan")}, "tao2022") == Deviations()


def test_the_recipe_of_the_code_is_told_from_the_paper_s() -> None:
    for code in (False, True):
        for job in cells("tao2022/table8", code):
            found = deviations(setting_columns(job.config), "tao2022")
            assert (found.texts, found.of_code) == ((), code)
    (job,) = [job for job in cells("tao2022/table10", True) if job.label.startswith("trades-lambda10-")]
    run = {**setting_columns(job.config), "recipe.learning_rate": 0.1}
    assert deviations(run, "tao2022") == Deviations(("recipe.learning_rate = 0.1 (published 0.05)",), of_code=True)


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("recipe.batch", 64, "recipe.batch = 64 (published 128)"),
        ("recipe.learning_rate", 1e-4, "recipe.learning_rate = 0.0001 (published 0.1)"),
        ("recipe.weight_decay", 0.0, "recipe.weight_decay = 0 (published 0.0005)"),
        ("recipe.precision", "bfloat16", "recipe.precision = bfloat16 (published float32)"),
        ("recipe.train_limit", 500, "recipe.train_limit = 500 (published none)"),
        ("recipe.milestones", "[50]", "recipe.milestones = [50] (published [100, 105])"),
        ("defense.attack.steps", 1, "defense.attack.steps = 1 (published 10)"),
        ("defense.joint_forward", True, "defense.joint_forward = true (published false)"),
        ("evaluation.test_limit", 1000, "evaluation.test_limit = 1000 (published none)"),
        ("recipe.new", 1, "recipe.new = 1 (in no published recipe)"),
    ],
)
def test_both_values_are_said(key: str, value: Any, said: str) -> None:
    (job,) = [job for job in cells("tao2022/table10", False) if job.label.startswith("thrm-lambda5-")]
    assert deviations({**setting_columns(job.config), key: value}, "tao2022").texts == (said,)


def test_nothing_of_a_training_that_there_is_not_is_a_deviation() -> None:
    (job,) = [job for job in cells("tao2022/table14", False) if job.config["training_data"]["name"] == "naive"][:1]
    run = {**setting_columns(job.config), "recipe.epochs": 3, "defense.radius": 5}
    assert deviations(run, "tao2022") == Deviations()
