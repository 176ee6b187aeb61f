"""Folders of Hugging Face: classifiers with random weights, made here from a config, and what images become."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from foreign_models import foreign
from torch import Tensor, nn

from hypo.architectures.hugging_face import Preparation, preparation
from hypo.architectures.normalised import Normalised
from hypo.architectures.probing import probe
from hypo.attacks.model_state import attacked
from hypo.settings.errors import InputError

SHAPE, CLASSES = (3, 8, 8), 5

transformers = pytest.importorskip("transformers")


@pytest.fixture(scope="module")
def vit() -> Any:
    """A vision transformer of one layer, for images of 8×8."""
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    config = transformers.ViTConfig(**sizes, image_size=8, patch_size=4, num_labels=CLASSES)
    return transformers.ViTForImageClassification(config).eval()


@pytest.fixture
def folder(vit: Any, tmp_path: Path) -> Path:
    """The same as it is saved, with nothing said of how images are prepared."""
    from transformers.utils import logging

    logging.disable_progress_bar()
    vit.save_pretrained(tmp_path / "vit")
    return tmp_path / "vit"


def prepare(folder: Path, **settings: Any) -> None:
    (folder / "preprocessor_config.json").write_text(json.dumps(settings))


def model_of(folder: Path, shape: tuple[int, int, int] = SHAPE, **settings: Any) -> nn.Module:
    arch = foreign(folder, **settings)
    model = Normalised(arch.build(shape, CLASSES), [0.3] * shape[0], [0.2] * shape[0])
    arch.load(model)
    return model.to(memory_format=torch.channels_last).eval()


def images(shape: tuple[int, int, int] = SHAPE) -> Tensor:
    return torch.rand(4, *shape, generator=torch.Generator().manual_seed(3))


def refusal(folder: Path) -> str:
    with pytest.raises(InputError) as refused:
        model_of(folder)
    message = str(refused.value)
    assert "\n" not in message
    return message.replace(str(folder), "FOLDER")


def test_its_logits_are_those_of_the_classifier(vit: Any, folder: Path) -> None:
    model = model_of(folder)
    with attacked(model), torch.no_grad():
        torch.testing.assert_close(model(images()), vit(images()).logits)
    again = foreign(folder).build(SHAPE, CLASSES)
    restored = Normalised(again, [0.0] * 3, [1.0] * 3)
    restored.load_state_dict(model.state_dict())
    assert torch.equal(restored.eval()(images()), model(images()))


def test_a_residual_network_is_one_too(tmp_path: Path) -> None:
    torch.manual_seed(0)
    config = transformers.ResNetConfig(
        embedding_size=4, hidden_sizes=[4, 8], depths=[1, 1], layer_type="basic", num_labels=CLASSES
    )
    resnet = transformers.ResNetForImageClassification(config).eval()
    resnet.save_pretrained(tmp_path)
    model = model_of(tmp_path, (3, 12, 12))
    torch.testing.assert_close(model(images((3, 12, 12))), resnet(images((3, 12, 12))).logits)
    with attacked(model):
        lines = probe(model, images((3, 12, 12)), torch.zeros(4).long(), CLASSES)
    assert not any("batch" in line or "gradient" in line for line in lines)


def test_images_are_prepared_as_the_folder_says(vit: Any, folder: Path) -> None:
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in ((0.1, 0.2, 0.3), (0.4, 0.5, 0.6)))
    prepare(folder, image_mean=[0.1, 0.2, 0.3], image_std=[0.4, 0.5, 0.6], size={"height": 8, "width": 8})
    large = images((3, 16, 16))
    smaller = nn.functional.interpolate(large, size=(8, 8), mode="bilinear")
    torch.testing.assert_close(model_of(folder, (3, 16, 16))(large), vit((smaller - mean) / std).logits)
    given = model_of(folder, mean=(0.5,) * 3, std=(0.25,) * 3)
    torch.testing.assert_close(given(images()), vit((images() - 0.5) / 0.25).logits)


def test_blue_may_come_first(vit: Any, folder: Path) -> None:
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in ((0.1, 0.2, 0.3), (0.4, 0.5, 0.6)))
    prepare(folder, do_flip_channel_order=True, image_mean=[0.1, 0.2, 0.3], image_std=[0.4, 0.5, 0.6])
    torch.testing.assert_close(model_of(folder)(images()), vit((images().flip(1) - mean) / std).logits)


HALF = {"image_mean": [0.5] * 3, "image_std": [0.5] * 3}


@pytest.mark.parametrize(
    ("settings", "mean", "std", "size"),
    [
        (HALF, 0.5, 0.5, None),
        ({**HALF, "do_normalize": False}, 0, 1, None),
        ({"image_mean": 0.5, "image_std": 0.25}, 0.5, 0.25, None),
        ({"do_rescale": False, "do_normalize": False}, 0, 1 / 255, None),
        ({**HALF, "image_mean": [127.5] * 3, "do_rescale": False}, 0.5, 0.5 / 255, None),
        ({"rescale_factor": 1 / 127.5, "rescale_offset": True, "do_normalize": False}, 0.5, 0.5, None),
        ({**HALF, "size": 224}, 0.5, 0.5, 224),
        ({**HALF, "size": {"shortest_edge": 256}}, 0.5, 0.5, 256),
        ({**HALF, "size": 256, "do_center_crop": True, "crop_size": {"height": 224, "width": 224}}, 0.5, 0.5, 224),
        ({**HALF, "size": 224, "do_resize": False}, 0.5, 0.5, None),
    ],
)
def test_what_a_folder_asks_for(
    tmp_path: Path, settings: dict[str, Any], mean: float, std: float, size: int | None
) -> None:
    prepare(tmp_path, **settings)
    found = preparation(tmp_path)
    assert (found.mean, found.std) == (pytest.approx((mean,) * 3), pytest.approx((std,) * 3))
    assert found.size == size


def test_without_a_preprocessor_the_network_s_own_size_is_known(folder: Path) -> None:
    assert preparation(folder) == Preparation(size=8)


def test_what_decides_in_a_folder_is_part_of_the_run_and_nothing_else_is(folder: Path, tmp_path: Path) -> None:
    before = foreign(folder).fingerprint()
    (folder / "README.md").write_text("whatever")
    moved = folder.rename(tmp_path / "moved")
    assert foreign(moved).fingerprint() == before
    prepare(moved, **HALF)
    prepared = foreign(moved).fingerprint()
    content = json.loads((moved / "config.json").read_text())
    (moved / "config.json").write_text(json.dumps({**content, "layer_norm_eps": 1e-3}))
    assert len({before, prepared, foreign(moved).fingerprint()}) == 3


def test_without_transformers_a_line_says_so(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    assert refusal(folder) == (
        "arch.path: FOLDER is a folder of Hugging Face, which takes transformers: pip install transformers"
    )


def test_a_network_that_is_no_classifier_would_get_random_weights(vit: Any, tmp_path: Path) -> None:
    vit.vit.save_pretrained(tmp_path)
    assert refusal(tmp_path) == (
        "arch.path: takes a classifier with all of its weights, but FOLDER lacks classifier.bias"
    )


@pytest.mark.parametrize("damage", ["no weights", "truncated", "config", "other", "code"])
def test_a_folder_without_a_classifier_is_refused(folder: Path, damage: str) -> None:
    weights, config = folder / "model.safetensors", folder / "config.json"
    if damage == "no weights":
        weights.unlink()
    elif damage == "truncated":
        weights.write_bytes(weights.read_bytes()[:-50])
    elif damage == "config":
        config.write_text("{")
    elif damage == "other":
        config.write_text(json.dumps({"model_type": "bert"}))
    else:
        config.write_text(json.dumps({"model_type": "own", "auto_map": {"AutoConfig": "own.Config"}}))
        (folder / "own.py").write_text("raise SystemExit('it was run')")
    assert refusal(folder).startswith("arch.path: transformers finds no image classifier in FOLDER (")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("{", "Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
        ("[]", "takes settings, got list"),
        ('{"image_mean": "much", "image_std": [1, 1, 1]}', "ValueError could not convert string to float: 'much'"),
        ('{"rescale_factor": 0}', "ZeroDivisionError float division by zero"),
    ],
)
def test_a_preprocessor_that_is_damaged_is_refused(folder: Path, content: str, reason: str) -> None:
    (folder / "preprocessor_config.json").write_text(content)
    assert refusal(folder) == f"arch.path: FOLDER/preprocessor_config.json cannot be read ({reason})"
