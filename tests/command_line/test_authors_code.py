"""`authors_code=true` is the recipe of the published code wherever it differs from the paper's."""

from __future__ import annotations

import shlex
from typing import Any

import pytest
from composing import cell as job
from omegaconf.errors import OmegaConfBaseException

from hypo.settings.errors import InputError


def config(*overrides: str) -> dict[str, Any]:
    return dict(job(*overrides).config)


CIFAR10 = "dataset=cifar10"
CODE = "authors_code=true"


@pytest.mark.parametrize(
    ("overrides", "rate"),
    [
        (["defense=thrm", "lambda=40"], 0.1),
        ([CODE, "defense=thrm", "lambda=5"], 0.1),
        ([CODE, "defense=thrm", "lambda=10"], 0.05),
        ([CODE, "defense=trades", "lambda=100"], 0.05),
        ([CODE, "defense=standard", "lambda=100"], 0.1),  # it has no λ
        ([CODE, "defense=pgd_at", "lambda=100"], 0.1),
        ([CODE, "defense=standard", "arch=mlp"], 0.01),
        (["defense=standard", "arch=mlp"], 0.1),
        ([CODE, "recipe.learning_rate=0.3", "lambda=100"], 0.3),  # what is typed holds
    ],
)
def test_the_learning_rate_is_the_paper_s_or_the_code_s(overrides: list[str], rate: float) -> None:
    assert config(CIFAR10, *overrides)["recipe"]["learning_rate"] == rate


@pytest.mark.parametrize("data", ["noise", "mislabeling"])
@pytest.mark.parametrize(
    ("dataset", "arch", "rate"),
    [
        ("cifar10", "resnet18", 0.1),
        ("cifar10", "mlp_tao2022", 0.01),
        ("cifar10", "vgg16", 0.01),
        ("digits", "mlp", 0.002),
    ],
)
def test_what_cannot_be_learnt_is_trained_on_as_in_the_paper(
    data: str, dataset: str, arch: str, rate: float
) -> None:
    recipe = config(f"dataset={dataset}", f"arch={arch}", f"training_data={data}")["recipe"]
    assert recipe["learning_rate"] == rate
    assert (recipe["weight_decay"], recipe["crop_padding"], recipe["flip"]) == (0, 0, False)


def test_the_mlp_has_the_form_of_the_paper_or_of_the_code() -> None:
    paper, code = (config(CIFAR10, "arch=mlp_tao2022", *more)["arch"] for more in ([], [CODE]))
    assert (paper["hidden"], paper["relu"]) == ([3072, 3072], "every")
    assert (code["hidden"], code["relu"]) == ([3072, 3072, 3072], "first")


def test_attacks_start_and_score_as_in_the_code() -> None:
    paper, code = config(CIFAR10), config(CIFAR10, CODE)
    assert [part["attack"]["start"] for part in (paper["defense"], paper["evaluation"])] == ["uniform"] * 2
    assert [part["attack"]["start"] for part in (code["defense"], code["evaluation"])] == ["authors_code"] * 2
    assert (paper["evaluation"]["success"], code["evaluation"]["success"]) == ("any_iterate", "last_iterate")
    assert (paper["defense"]["joint_forward"], code["defense"]["joint_forward"]) == (False, True)


def test_the_last_batch_is_kept_and_weights_begin_as_in_the_code() -> None:
    for arch in ("resnet18", "vgg16", "wide_resnet"):
        paper, code = config(CIFAR10, f"arch={arch}"), config(CIFAR10, CODE, f"arch={arch}")
        assert (paper["recipe"]["last_batch"], code["recipe"]["last_batch"]) == ("drop", "keep")
        begin = (paper["arch"]["initialisation"], code["arch"]["initialisation"])
        assert begin == ("torchvision", "authors_code")
    chosen = config(CIFAR10, CODE, "recipe.last_batch=drop", "arch.initialisation=torchvision")
    assert (chosen["recipe"]["last_batch"], chosen["arch"]["initialisation"]) == ("drop", "torchvision")


def test_the_crafting_model_starts_at_one_rate_whatever_lambda_is() -> None:
    """Otherwise λ ≥ 10 would be trained on other poisons."""
    poisoned = (CIFAR10, CODE, "training_data=poisoning")
    needed = [job(*poisoned, f"lambda={value}").prerequisites[0] for value in (5, 10, 100)]
    assert len({each.run_id for each in needed}) == 1
    assert needed[0].run_id == job(CIFAR10, CODE, "defense=standard").run_id


def test_who_crafts_is_chosen() -> None:
    poisoned = (CIFAR10, "training_data=poisoning", "arch=vgg16")
    (one,), (other,) = (job(*poisoned, *more).prerequisites for more in ([], ["crafter=same"]))
    assert (one.config["arch"]["name"], other.config["arch"]["name"]) == ("resnet18", "vgg16")
    for needed in (one, other):
        assert job(*shlex.split(needed.command)[3:]).run_id == needed.run_id


def test_lambda_defaults_to_that_of_the_code() -> None:
    assert (config()["lambda"], config(CODE)["lambda"], config(CODE, "lambda=2")["lambda"]) == (5, 6, 2)


def test_poisons_are_truncated_as_in_the_code() -> None:
    poisoned = (CIFAR10, "training_data=poisoning")
    assert config(*poisoned)["training_data"]["stored"] == "rounded"
    assert config(*poisoned, CODE)["training_data"]["stored"] == "truncated"


@pytest.mark.parametrize("typed", ["2", "maybe", "null", "[]"])
def test_it_takes_true_or_false(typed: str) -> None:
    with pytest.raises((InputError, OmegaConfBaseException), match="authors_code: takes one of True, False"):
        job(f"authors_code={typed}")


def test_without_it_a_config_is_the_same_as_with_false() -> None:
    assert job("authors_code=false").run_id == job().run_id
