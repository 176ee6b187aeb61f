"""Every option of every group composes and builds, and the defaults that hang together do so."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from composing import CONF, job
from imagenet_folder import WNIDS, imagenet
from parquet_files import small_data_set

from hypo.attacks.searches.random_points import RandomPoints
from hypo.jobs.job import from_record
from hypo.settings.components import build, describe
from hypo.settings.errors import InputError
from hypo.settings.identity import GROUPS, training_id

OPTIONS = sorted(
    f"{group}={path.stem}" for group in (*GROUPS, "tracking") for path in (CONF / group).glob("*.yaml")
)


@pytest.fixture(autouse=True)
def own_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The image folder is fingerprinted when its job is made, so it has to be there."""
    from PIL import Image

    for split in ("train", "test"):
        for shade, name in enumerate("ab"):
            folder = tmp_path / "data" / split / name
            folder.mkdir(parents=True)
            Image.new("RGB", (8, 8), (100 * shade, 0, 0)).save(folder / "0.png")
    small_data_set(tmp_path / "data")
    imagenet(tmp_path / "data" / "imagenet", train=0, val=1)
    monkeypatch.chdir(tmp_path)


def test_there_are_options_for_every_group() -> None:
    assert {option.split("=")[0] for option in OPTIONS} == {*GROUPS, "tracking"}


def loading(option: str) -> list[str]:
    """What an option asks for beside itself: its file, of classes or of a model that is there already."""
    if option == "dataset=restricted_imagenet":
        Path("classes.yaml").write_text(f"fish: [{WNIDS[0]}, {WNIDS[1]}]\ndog: [{WNIDS[2]}]\n")
        return ["dataset.class_map=classes.yaml"]
    if option not in ("arch=saved", "arch=foreign", "training_data=elsewhere"):
        return []
    Path("weights.safetensors").write_bytes(b"whatever they are")
    arch = option if option.startswith("arch=") else "arch=saved"
    return [arch, "arch.path=weights.safetensors"]


@pytest.mark.parametrize("option", OPTIONS)
def test_every_option_builds_and_says_what_it_is(option: str) -> None:
    group, name = option.split("=")
    made = job(option, *loading(option))
    if group == "tracking":
        assert made.tracking.mode == name
        return
    described = made.config[group]
    # A network of torchvision is called by its own name, a setting, and everything else by its option's.
    assert described["name"] == ("resnet50" if option == "arch=torchvision" else name)
    assert build(described, group) == getattr(made.experiment, group)
    assert describe(getattr(made.experiment, group)).items() <= described.items()


@pytest.mark.parametrize(
    ("overrides", "epsilon"),
    [
        (["dataset=digits"], 0.1),
        (["dataset=mnist"], 0.2),
        (["dataset=cifar10"], 8 / 255),
        (["dataset=cifar10", "threat_model=l2"], 0.5),
        (["dataset=cifar10", "threat_model=l2", "epsilon=1/4"], 0.25),
        (["epsilon=8/255"], 8 / 255),
    ],
)
def test_epsilon_defaults_by_data_set_and_norm(overrides: list[str], epsilon: float) -> None:
    assert job(*overrides).experiment.threat_model.epsilon == epsilon


def test_epsilon_and_lambda_are_kept_as_typed() -> None:
    config = job("epsilon=8/255", "lambda=1/2").config
    assert (config["epsilon"], config["lambda"]) == ("8/255", "1/2")
    assert config["threat_model"]["epsilon"] == 8 / 255
    assert config["defense"]["lambda_"] == 0.5


def test_recipe_follows_the_data_set_and_brings_its_arch() -> None:
    config = job("dataset=cifar10").config
    assert (config["recipe"]["name"], config["arch"]["name"]) == ("cifar10", "resnet18")
    assert config["recipe"]["milestones"] == [100, 105]
    assert job("dataset=cifar10", "arch=small_cnn").config["arch"]["name"] == "small_cnn"
    assert job("dataset=cifar10", "recipe=mnist").config["arch"]["name"] == "lenet"


def test_an_image_folder_is_trained_like_cifar10() -> None:
    folder, cifar10 = job("dataset=image_folder").experiment, job("dataset=cifar10").experiment
    assert (folder.recipe, folder.arch, folder.defense) == (cifar10.recipe, cifar10.arch, cifar10.defense)


def test_lambda_is_part_of_a_run_only_where_it_is_used() -> None:
    assert job("lambda=1").run_id != job("lambda=2").run_id
    assert job("lambda=6").run_id == job("lambda=6.0").run_id == job("lambda=12/2").run_id
    for defense in ("standard", "pgd_at"):
        one, other = job(f"defense={defense}", "lambda=1"), job(f"defense={defense}", "lambda=2")
        assert one.run_id == other.run_id
        assert one.config["lambda"] is None
        assert "lambda" not in one.name


def test_what_cannot_change_a_result_is_not_part_of_a_run() -> None:
    same = job("device=cpu", "output_dir=elsewhere", "tracking=disabled", "evaluation.batch=7")
    assert same.run_id == job().run_id
    assert job("dataset=mnist", "dataset.root=here").run_id == job("dataset=mnist").run_id
    assert job("seed=1").run_id != job().run_id
    assert job("evaluation.success=last_iterate").run_id != job().run_id


def test_a_fingerprint_is_part_of_a_run() -> None:
    config = job("dataset=image_folder").config
    assert len(config["dataset"]["fingerprint"]) == 64


def test_the_command_repeats_the_job() -> None:
    assert job("defense=trades", "lambda=1").command == "python -m hypo.run defense=trades lambda=1"


@pytest.mark.parametrize("name", sorted(path.stem for path in (CONF / "search").glob("*.yaml")))
def test_every_search_can_follow_another(name: str) -> None:
    made = job(f"search=[{name}]")
    searches = made.experiment.evaluation.searches
    assert list(searches) == ["attack", name]
    assert made.config["evaluation"]["then"] == {name: describe(searches[name])}
    assert made.command == f"python -m hypo.run 'search=[{name}]'"
    assert made.run_id != job().run_id == job("search=[]").run_id
    assert (made.name, training_id(made.experiment)) == (job().name, training_id(job().experiment))
    again = from_record(json.loads(json.dumps(made.record)), made.runs)
    assert (again.run_id, again.experiment) == (made.run_id, made.experiment)


def test_a_further_search_is_set_where_it_stands() -> None:
    made = job("search=[random]", "evaluation.then.random.steps=7", "evaluation=fgsm")
    assert made.experiment.evaluation.then == {"random": RandomPoints(7)}
    assert made.experiment.evaluation.attack.steps == 1


def test_names_are_safe_as_file_names() -> None:
    assert job("epsilon=8/255").name == "digits-mlp-thrm-lambda5-linf8_255-s0"


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("threat_model.epsilon=0.3", "set epsilon="),
        ("defense.lambda_=3", "set lambda="),
        ("output_dir=null", "output_dir: takes the name of a folder, got None"),
        ("output_dir=", "output_dir: takes the name of a folder, got ''"),
        ("+foo=1", "foo: no such setting"),
        ("device=3", "device: takes text"),
    ],
)
def test_what_would_be_read_nowhere_or_twice_is_refused(override: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        job(override)


def test_a_network_without_another_gradient_is_one_run_whatever_is_asked_of_attacks() -> None:
    plain = "evaluation.surrogate=false"
    assert job(plain).run_id == job().run_id
    assert job(plain).config["evaluation"]["surrogate"] is True
    distances = ("arch=linf_dist_net", "defense=linf_dist")
    assert job(*distances, plain).run_id != job(*distances).run_id


def test_the_crafting_run_is_the_standard_one_whatever_is_asked_of_the_mistakes() -> None:
    poisoned = (job("training_data=poisoning", f"measurement=[{name}]") for name in ("targeted", "pictures"))
    (needed,), (also,) = (each.prerequisites for each in poisoned)
    assert needed.run_id == also.run_id == job("defense=standard").run_id
