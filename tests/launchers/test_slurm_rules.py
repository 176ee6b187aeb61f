"""Other resources for some cells: which ones a rule is for, and what it may change."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from small_jobs import THRM
from small_jobs import job as small_job
from small_models import small_experiment

from hypo.jobs.job import Job
from hypo.settings.errors import InputError
from launchers.slurm.settings import Resources, read


@pytest.fixture
def a_job(tmp_path: Path) -> Job:
    """On `stripes` with λ = 3, ε = 0.05 and seed 0."""
    return small_job(tmp_path)


@pytest.mark.parametrize(
    ("when", "fits"),
    [
        ({"dataset": "stripes"}, True),
        ({"dataset": "digits"}, False),
        ({"dataset": ["digits", "stripes"]}, True),
        ({"dataset": "stripes", "seed": 0}, True),
        ({"dataset": "stripes", "seed": 1}, False),
        ({"seed": [1, 2]}, False),
        ({"lambda": 3}, True),
        ({"lambda": 3.0}, True),
        ({"lambda": "3"}, True),
        ({"lambda": [1, "3.0"]}, True),
        ({"lambda": 30}, False),
        ({"lambda": None}, False),
        ({"epsilon": 0.05}, True),
        ({"epsilon": "1/20"}, True),
        ({"epsilon": "8/255"}, False),
        ({"arch": "arch", "defense": "defense", "threat_model": "threat_model", "recipe": "recipe"}, True),
    ],
)
def test_a_rule_applies_to_the_cells_it_describes(a_job: Job, when: Mapping[str, Any], fits: bool) -> None:
    settings = read({"mem_gb": 16, "rules": [{"when": when, "mem_gb": 64}]})
    assert settings.resources_for(a_job).mem_gb == (64 if fits else 16)


def test_a_rule_about_a_setting_that_a_cell_does_not_have_passes_it_by(tmp_path: Path) -> None:
    standard = small_job(tmp_path)
    standard = Job(
        standard.experiment, {**standard.config, "lambda": None}, standard.command, tmp_path, standard.tracking
    )
    settings = read(
        {"rules": [{"when": {"lambda": [0, 5]}, "mem_gb": 64}, {"when": {"lambda": None}, "mem_gb": 2}]}
    )
    assert settings.resources_for(standard).mem_gb == 2


def test_all_rules_that_fit_apply_in_turn(a_job: Job) -> None:
    rules = [
        {"when": {"dataset": "stripes"}, "mem_gb": 32, "timeout_min": 600, "setup": ["module load cuda"]},
        {"when": {"dataset": "digits"}, "partition": "tiny"},
        {"when": {"seed": 0}, "mem_gb": 64, "gpus_per_node": 0, "name": "first"},
    ]
    given = read({"partition": "gpu", "gpus_per_node": 1, "rules": rules}).resources_for(a_job)
    assert given == Resources(
        name="first", partition="gpu", gpus_per_node=0, mem_gb=64, timeout_min=600, setup=("module load cuda",)
    )


def test_a_rule_is_checked_beside_what_it_does_not_change(a_job: Job) -> None:
    early = [{"when": {"seed": 0}, "signal_delay_s": 7200}]
    assert read({"timeout_min": 240, "rules": early}).resources_for(a_job).signal_delay_s == 7200
    short = [{"when": {"seed": 0}, "timeout_min": 1}]
    assert read({"signal_delay_s": 30, "rules": short}).resources_for(a_job).timeout_min == 1
    with pytest.raises(InputError, match=r"^hydra\.launcher\.rules\[0\]\.signal_delay_s: .* got 90$"):
        read({"rules": short})


def test_rules_that_are_right_alone_and_wrong_together_are_refused(a_job: Job) -> None:
    rules = [{"when": {"seed": 0}, "timeout_min": 2}, {"when": {"lambda": 3}, "signal_delay_s": 1200}]
    settings = read({"rules": rules})
    with pytest.raises(InputError, match=r"^hydra\.launcher\.rules: signal_delay_s: .*below 120.* got 1200$"):
        settings.resources_for(a_job)


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("arch", "hydra.launcher.rules[1]: takes {when: {arch: vgg16}, mem_gb: 64} or the like, got arch"),
        ({"mem_gb": 64}, "hydra.launcher.rules[1]: takes {when: "),
        ({"when": {}, "mem_gb": 64}, "hydra.launcher.rules[1]: takes {when: "),
        ({"when": "arch=mlp", "mem_gb": 64}, "hydra.launcher.rules[1]: takes {when: "),
        ({"when": {"archs": "mlp"}, "mem_gb": 64}, "hydra.launcher.rules[1].when: takes one of dataset, "),
        ({"when": {"arch": "mlp"}, "memory": 64}, "hydra.launcher.rules[1]: takes one of account, "),
        ({"when": {"arch": "mlp"}, "array_parallelism": 2}, "hydra.launcher.rules[1]: takes one of account, "),
        ({"when": {"arch": "mlp"}, "wait": True}, "hydra.launcher.rules[1]: takes one of account, "),
        ({"when": {"arch": "mlp"}, "mem_gb": "much"}, "hydra.launcher.rules[1].mem_gb: takes a number"),
        ({"when": {"arch": "mlp"}, "nodes": 2}, "hydra.launcher.rules[1].nodes: takes 1, "),
        ({"when": {"lambda": "five"}, "mem_gb": 64}, "hydra.launcher.rules[1].when.lambda: takes a number"),
    ],
)
def test_a_wrong_rule_is_refused_by_its_number(rule: object, message: str) -> None:
    with pytest.raises(InputError) as error:
        read({"rules": [{"when": {"arch": "mlp"}, "mem_gb": 4}, rule]})
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)


def test_a_cell_for_which_there_is_no_rule_is_given_what_all_are(tmp_path: Path) -> None:
    settings = read({"mem_gb": 4, "rules": [{"when": {"seed": 1}, "mem_gb": 8}]})
    memory = [
        settings.resources_for(small_job(tmp_path, small_experiment(THRM, seed=seed))).mem_gb for seed in range(3)
    ]
    assert memory == [4, 8, 4]
