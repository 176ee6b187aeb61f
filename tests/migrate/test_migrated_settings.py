"""What a config.yaml of schema 1 says, and what its run is called."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import composing
import pytest
import yaml
from aged_outputs import aged_config, old_training_id
from PIL import Image

from hypo.migrate.commands import retyped
from hypo.migrate.settings import renewed, training_of
from hypo.settings.errors import InputError
from hypo.settings.identity import training_id

RECORDED = yaml.safe_load((Path(__file__).parent / "schema-1-config.yaml").read_text())
"""As the last version of schema 1 wrote it, for `defense=thrm evaluation=targeted`."""


def config_of(job: Any) -> dict[str, Any]:
    return dict(yaml.safe_load(yaml.safe_dump(job.record["config"])))


def test_the_settings_are_those_of_the_same_command_today() -> None:
    today = composing.job("defense=thrm", "measurement=[targeted,certificate,pictures]")
    settings = renewed(RECORDED)
    assert settings.config == config_of(today)
    assert (settings.run_id, settings.training_id) == (today.run_id, training_id(today.experiment))
    assert training_of(settings.config) == settings.training_id


def test_the_ids_of_schema_1_come_out_as_they_were() -> None:
    settings = renewed(RECORDED)
    assert (settings.earlier_run_id, settings.earlier_training_id) == ("e69ca86c7eb6", "3eb9330eea95")
    assert old_training_id(RECORDED) == "3eb9330eea95"  # by the rules of these tests too


@pytest.mark.parametrize(
    "typed",
    [
        ("training_data=poisoning", "crafter=resnet18"),
        ("training_data=naive",),
        ("training_data=noise", "defense=standard"),
        ("dataset=mnist", "arch=lenet", "defense=trades"),
        ("dataset=cifar10", "authors_code=true", "arch=wide_resnet", "evaluation=cw100"),
        ("arch=linf_dist_net", "recipe=linf_dist_net", "defense=linf_dist", "evaluation.surrogate=false"),
        ("threat_model=l2", "epsilon=1/2", "evaluation=fgsm", "evaluation.test_limit=7", "device=cpu"),
    ],
)
def test_every_choice_is_found_again(typed: tuple[str, ...]) -> None:
    today = composing.job(*typed)
    settings = renewed(aged_config(config_of(today)))
    assert settings.config == config_of(today)
    assert settings.training_id == training_id(today.experiment)


def test_what_joined_later_is_filled_in() -> None:
    """Fields that came with the value that runs had before, and so were never part of their ids."""
    older = copy.deepcopy(RECORDED)
    del older["evaluation"]["surrogate"], older["recipe"]["last_batch"], older["keep_checkpoint"]
    assert renewed(older).config == renewed(RECORDED).config


def test_a_fingerprint_is_taken_as_it_was_recorded(tmp_path: Path) -> None:
    root = tmp_path / "images"
    for number, place in enumerate(("train/cat", "train/dog", "test/cat", "test/dog")):
        (root / place).mkdir(parents=True)
        Image.new("L", (6, 6), number).save(root / place / "only.png")
    dataset = ("dataset=image_folder", f"dataset.root={root}")
    today = composing.job(*dataset)
    config, expected = config_of(today), (today.run_id, training_id(today.experiment))
    old = aged_config(config)
    root.rename(root.parent / "elsewhere")
    settings = renewed(old)
    assert (settings.run_id, settings.training_id) == expected
    assert settings.config == config
    assert settings.config["dataset"]["fingerprint"] == config["dataset"]["fingerprint"]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"seed": 1}, r"they give the run id [0-9a-f]{12}, not e69ca86c7eb6: they were changed since$"),
        ({"seed": None}, "seed: takes a whole number"),
        (
            {"arch": {"name": "mlp", "_target_": "hypo.architectures.gone.Gone"}},
            "arch._target_: takes the dotted path",
        ),
        ({"arch": {"name": "mlp", "_target_": "mine.Net"}}, "arch._target_: takes a class of hypo"),
        ({"defense": {**RECORDED["defense"], "odd": 1}}, "defense.odd: no such setting"),
        ({"recipe": None}, "the settings cannot be taken over"),
    ],
)
def test_settings_that_cannot_be_told_are_refused(changed: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said) as refusal:
        renewed({**RECORDED, **changed})
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("lacking", ["device", "name", "evaluation", "run_id", "tracking"])
def test_settings_that_are_missing_are_named(lacking: str) -> None:
    with pytest.raises(InputError, match=f"the settings cannot be taken over: it has no '{lacking}'"):
        renewed({key: value for key, value in RECORDED.items() if key != lacking})


@pytest.mark.parametrize(
    ("before", "now"),
    [
        (
            "python -m hypo.run evaluation=targeted seed=1",
            "python -m hypo.run evaluation=pgd20 'measurement=[targeted,certificate,pictures]' seed=1",
        ),
        (
            "python -m hypo.run -m evaluation=pgd20,targeted,fgsm",
            "python -m hypo.run -m evaluation=pgd20,fgsm 'measurement=[targeted,certificate,pictures]'",
        ),
        (
            "python -m hypo.run evaluation=cw100 evaluation.targeted=true",
            "python -m hypo.run evaluation=cw100 'measurement=[targeted,certificate,pictures]'",
        ),
        ("python -m hypo.run -m -m evaluation.targeted=false", "python -m hypo.run -m -m"),
        ("python -m hypo.run  'recipe.milestones=[1]'", "python -m hypo.run  'recipe.milestones=[1]'"),
        ("it's no command", "it's no command"),
    ],
)
def test_commands_are_those_that_are_typed_today(before: str, now: str) -> None:
    assert retyped(before) == now
