"""How an audit brings a user's images to the size that the model was made for."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hypo.auditing.arguments import parsed, words

CENTRE = ["dataset.size=224", "dataset.fit=crop"]


def image(folder: Path, width: int, height: int) -> str:
    (folder / "cat").mkdir(parents=True)
    Image.fromarray(np.zeros((height, width, 3), np.uint8)).save(folder / "cat" / "1.png")
    return str(folder)


def fitting(*typed: str) -> list[str]:
    return [word for word in words(parsed(typed)) if word.startswith(("dataset.size", "dataset.fit"))]


@pytest.mark.parametrize(
    ("width", "height", "expected"), [(500, 375, CENTRE), (224, 300, CENTRE), (224, 224, []), (300, 200, [])]
)
def test_weights_of_torchvision_see_the_centre_of_what_is_larger(
    width: int, height: int, expected: list[str], tmp_path: Path
) -> None:
    assert fitting("resnet50", image(tmp_path / "images", width, height)) == expected


def test_inception_takes_the_size_of_its_own(tmp_path: Path) -> None:
    assert fitting("inception_v3", image(tmp_path / "images", 500, 375))[0] == "dataset.size=299"


def test_what_is_typed_stays(tmp_path: Path) -> None:
    images = image(tmp_path / "images", 500, 375)
    assert fitting("resnet50", images, "dataset.size=64") == ["dataset.fit=crop", "dataset.size=64"]
    for typed in (["dataset.size=64", "dataset.fit=squash"], ["dataset.size=null"]):
        assert fitting("resnet50", images, *typed) == typed
    assert fitting("resnet50", images, "arch.resize=224") == []


def test_a_file_with_the_preprocessing_of_imagenet_sees_centres_where_a_size_is_typed(tmp_path: Path) -> None:
    images, model = image(tmp_path / "images", 500, 375), tmp_path / "model.pt"
    model.touch()
    of_imagenet = (str(model), images, "--preprocessing", "imagenet")
    assert fitting(*of_imagenet) == []
    assert fitting(*of_imagenet, "dataset.size=224") == ["dataset.fit=crop", "dataset.size=224"]
    assert fitting(str(model), images, "dataset.size=224") == ["dataset.size=224"]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"do_center_crop": True, "crop_size": 224, "size": {"shortest_edge": 256}}, CENTRE),
        ({"size": {"height": 224, "width": 224}}, CENTRE[:1]),
    ],
)
def test_a_folder_of_hugging_face_says_which(
    asked: dict[str, object], expected: list[str], tmp_path: Path
) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    (folder / "preprocessor_config.json").write_text(json.dumps(asked))
    assert fitting(str(folder), image(tmp_path / "images", 500, 375)) == expected


def test_data_sets_that_have_a_name_and_small_parquet_files_stay_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "images.parquet").touch()
    assert fitting("resnet50", "cifar10") == fitting("resnet50", str(tmp_path / "images.parquet")) == []
