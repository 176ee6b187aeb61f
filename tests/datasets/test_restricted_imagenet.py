"""Classes that a file makes of those of ImageNet."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from imagenet_folder import WNIDS, imagenet

from hypo.datasets.imagenet import Imagenet
from hypo.datasets.restricted_imagenet import RestrictedImagenet
from hypo.settings.components import describe
from hypo.settings.errors import InputError

FISH_AND_DOGS = f"dog: [{WNIDS[2]}]\nfish:\n- {WNIDS[0]}\n- {WNIDS[1]}\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return imagenet(tmp_path / "imagenet")


def restricted(root: Path, content: str = FISH_AND_DOGS) -> RestrictedImagenet:
    file = root.parent / f"classes-{len(list(root.parent.iterdir()))}.yaml"
    file.write_text(content)
    return RestrictedImagenet(str(root), str(file), size=16)


def test_a_class_has_the_images_of_all_its_wnids(root: Path) -> None:
    data, whole = restricted(root).load(), Imagenet(str(root), 16).load()
    assert data.classes == ("dog", "fish")
    for split, of_whole in ((data.train, whole.train), (data.test, whole.test)):
        order = torch.cat([(of_whole.labels == label).nonzero().squeeze(1) for label in (2, 0, 1)])
        assert torch.equal(split.images[:], of_whole.images[order])
        assert torch.equal(split.labels, (of_whole.labels[order] != 2).long())


def test_what_is_in_no_class_is_left_out(root: Path) -> None:
    data = restricted(root, f"a: [{WNIDS[0]}]\nb: [{WNIDS[2]}]\n").load()
    assert data.test.labels.tolist() == [0, 0, 0, 1, 1, 1]


def test_without_training_images_there_is_an_empty_split(root: Path) -> None:
    shutil.rmtree(root / "train")
    assert len(restricted(root).load().train) == 0


def test_what_is_put_together_is_part_of_the_identity_and_the_names_are_not(root: Path) -> None:
    identity = describe(restricted(root), identity=True)
    assert set(identity) == {"_target_", "size", "resize", "fingerprint"}
    assert describe(restricted(root, FISH_AND_DOGS.replace("dog", "hound")), identity=True) == identity
    swapped = restricted(root, f"a: [{WNIDS[0]}]\nb: [{WNIDS[1]}, {WNIDS[2]}]\n")
    assert describe(swapped, identity=True) != identity
    moved = restricted(root, f"a: [{WNIDS[2]}, {WNIDS[0]}]\nb: [{WNIDS[1]}]\n")
    assert len({dataset.fingerprint() for dataset in (swapped, moved, restricted(root))}) == 3


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a: [", "{file} cannot be read: "),
        ("- n1\n- n2\n", "{file} takes a list of wnids for each of two classes or more"),
        ("dog: [n02102040]\n", "{file} takes a list of wnids for each of two classes or more"),
        ("dog: n02102040\nfish: [n01440764]", "{file} takes a list of wnids for dog, got 'n02102040'"),
        ("dog: []\nfish: [n01440764]", "{file} takes a list of wnids for dog, got []"),
        ("dog: [151]\nfish: [n01440764]", "{file} takes a list of wnids for dog, got [151]"),
        ("dog: [n01440764]\nfish: [n01440764]", "{file} has n01440764 twice, in dog and fish"),
        ("dog: [n01440764]\nfish: [n09]", "fish has n09, but there is no {root}/val/n09"),
    ],
)
def test_a_class_map_that_is_none(root: Path, content: str, message: str) -> None:
    dataset = restricted(root, content)
    with pytest.raises(InputError) as caught:
        dataset.load()
    expected = message.format(file=dataset.class_map, root=root)
    assert str(caught.value).startswith(f"dataset.class_map: {expected}")
    assert "\n" not in str(caught.value)


def test_a_class_map_that_is_not_there(root: Path) -> None:
    dataset = RestrictedImagenet(str(root), str(root / "none.yaml"))
    with pytest.raises(InputError, match=rf"^dataset.class_map: {root}/none.yaml cannot be read: No such file"):
        dataset.fingerprint()
