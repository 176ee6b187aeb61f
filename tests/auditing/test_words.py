"""MODEL and DATA as settings: what each kind of word stands for, and what is none."""

from __future__ import annotations

from pathlib import Path

import pytest
from parquet_files import small_data_set

from hypo.auditing.words import of_data, of_model, setting
from hypo.settings.errors import InputError


def test_a_name_of_torchvision_comes_with_its_weights() -> None:
    assert of_model("resnet18", None) == ["arch=torchvision", "arch.name=resnet18", "arch.weights=DEFAULT"]


def test_a_file_is_a_foreign_model(tmp_path: Path) -> None:
    file = tmp_path / "model.pt"
    file.touch()
    assert of_model(str(file), None) == ["arch=foreign", f"arch.path={file}"]
    chosen = of_model(str(file), "my.models:net")
    assert chosen == ["arch=foreign", f"arch.path={file}", "arch.architecture='my.models:net'"]


@pytest.mark.parametrize(
    ("word", "architecture", "told"),
    [
        ("resnet_18", None, "MODEL: takes a model's file or folder.* got resnet_18.*resnet18"),
        ("no/such/file.pt", None, "MODEL: takes a model's file or folder.* got no/such/file.pt"),
        ("no/such/file.pt", "my:net", "MODEL: takes a file with the weights of my:net, but there is no no/such"),
    ],
)
def test_what_is_no_model_is_refused(word: str, architecture: str | None, told: str) -> None:
    with pytest.raises(InputError, match=told):
        of_model(word, architecture)


def test_a_data_set_is_called_by_its_name() -> None:
    assert of_data("digits", None) == ["dataset=digits"]
    assert of_data("mnist", "my data") == ["dataset=mnist", "dataset.root='my data'"]


@pytest.mark.parametrize(
    ("folders", "root", "settings"),
    [
        (("cat", "dog"), ".", []),  # nothing but what is tested on
        (("test/cat", "test/dog"), "test", []),
        (("val/cat", "train/cat"), ".", ["dataset.test=val"]),  # the classes are those of training
    ],
)
def test_image_folders_of_several_layouts(
    folders: tuple[str, ...], root: str, settings: list[str], tmp_path: Path
) -> None:
    for folder in folders:
        (tmp_path / folder).mkdir(parents=True)
    found = of_data(str(tmp_path), None)
    assert found == ["dataset=image_folder", f"dataset.root={tmp_path / root}", *settings]


def test_a_folder_with_wordnet_ids_is_imagenet(tmp_path: Path) -> None:
    (tmp_path / "val" / "n01440764").mkdir(parents=True)
    assert of_data(str(tmp_path), None) == ["dataset=imagenet", f"dataset.root={tmp_path}"]


def test_parquet_files_are_found(tmp_path: Path) -> None:
    small_data_set(tmp_path)
    (file,) = tmp_path.rglob("test*.parquet")
    assert of_data(str(tmp_path), None) == ["dataset=parquet", f"dataset.root={tmp_path}"]
    assert of_data(str(file), None) == ["dataset=parquet", f"dataset.root={file}"]


@pytest.mark.parametrize(
    ("word", "root", "told"),
    [
        ("digts", None, "DATA: takes a folder of images.*got digts, which is none of them .did you mean digits"),
        ("epsilon=1", None, "DATA: takes a folder of images.*got epsilon=1"),
        (__file__, None, "DATA: takes a folder of images or parquet files, got the file"),
        (".", "data", "--root: goes with the name of a data set .*mnist.*, got ."),
    ],
)
def test_what_is_no_data_set_is_refused(word: str, root: str | None, told: str) -> None:
    with pytest.raises(InputError, match=told):
        of_data(word, root)


@pytest.mark.parametrize(
    "text", ["a b", "it's", "x,y", "a=b", "back\\slash", "\\'", "end\\", "{x}", "[1]", "trailing."]
)
def test_a_text_arrives_as_it_was(text: str) -> None:
    from hydra.core.override_parser.overrides_parser import OverridesParser

    (override,) = OverridesParser.create().parse_overrides([setting("key", text)])
    assert override.value() == text
