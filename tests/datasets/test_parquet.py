"""Images in parquet files: both kinds of columns, several files, and what is wrong named with file and row."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from parquet_files import png, small_data_set, write
from PIL import Image

from hypo.datasets.parquet import Parquet
from hypo.settings.components import describe
from hypo.settings.errors import InputError


def refusal(root: Path, **settings: Any) -> str:
    with pytest.raises(InputError) as caught:
        Parquet(str(root), **settings).load()
    message = str(caught.value)
    assert "\n" not in message
    return message.replace(str(root), "root")


@pytest.fixture
def one_file(tmp_path: Path) -> Path:
    """A data set to which a test adds training data."""
    write(tmp_path / "test.parquet", [png(1)], [0])
    return tmp_path


def test_several_files_of_structs_make_two_splits(tmp_path: Path) -> None:
    small_data_set(tmp_path, names=["cat", "dog", "eel"])
    data = Parquet(str(tmp_path)).load()
    assert data.shape == (3, 8, 8)
    assert (data.train.labels.tolist(), data.test.labels.tolist()) == ([0, 1, 2], [2, 0])
    assert data.train.images[:, 0, 0, 0].tolist() == [10, 20, 30]
    assert data.test.images[:, 2, 7, 7].tolist() == [40, 50]
    assert (data.classes, data.maximum) == (("cat", "dog", "eel"), 255)
    assert data.mean == pytest.approx((20 / 255,) * 3)


def test_without_names_the_numbers_are_the_names_and_bytes_need_no_struct(one_file: Path) -> None:
    write(one_file / "train.parquet", [png(10, mode="L"), png(20, mode="L")], [0, 3])
    write(one_file / "test.parquet", [png(30, mode="L")], [1])
    data = Parquet(str(one_file)).load()
    assert data.classes == ("0", "1", "2", "3")
    assert data.shape == (1, 8, 8)


def test_the_contents_decide_the_identity_and_not_the_place(tmp_path: Path) -> None:
    for name in ("here", "there", "other"):
        small_data_set(tmp_path / name, names=None if name != "other" else ["a", "b", "c"])
    here, there, other = (
        describe(Parquet(str(tmp_path / name)), identity=True) for name in ("here", "there", "other")
    )
    assert here == there != other


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    small_data_set(tmp_path)
    before = Parquet(str(tmp_path)).load()
    write(tmp_path / "data" / "train-00001-of-00002.parquet", [{"bytes": png(99), "path": "x"}] * 2, [2, 2])
    after = Parquet(str(tmp_path)).load()
    assert (len(before.train), len(after.train)) == (3, 4)


def test_the_centre_is_another_image_than_all_of_it(one_file: Path) -> None:
    written = io.BytesIO()
    Image.linear_gradient("L").save(written, "PNG")
    write(one_file / "train.parquet", [written.getvalue()] * 2, [0, 1])
    whole, centre = (Parquet(str(one_file), size=14, fit=fit).load().train.images for fit in ("squash", "crop"))
    assert centre.shape == whole.shape
    assert int(centre.amax()) - int(centre.amin()) < int(whole.amax()) - int(whole.amin())


def test_sizes_that_differ_are_resized_or_refused(one_file: Path) -> None:
    write(one_file / "train.parquet", [png(10), png(20, size=9)], [0, 1])
    assert Parquet(str(one_file), size=6).load().shape == (3, 6, 6)
    message = refusal(one_file)
    assert message.startswith("dataset.size: must be given")
    assert "root/train.parquet, row 1 is 9x9" in message


def test_a_pattern_that_matches_nothing_is_named(tmp_path: Path) -> None:
    small_data_set(tmp_path)
    assert refusal(tmp_path, test="valid*.parquet") == (
        "dataset.test: takes a pattern of parquet files, but root/valid*.parquet matches none"
    )


@pytest.mark.parametrize(
    ("columns", "has"),
    [
        ({"image": ["text"]}, "image (string), label (int64)"),
        ({"label": [0.5]}, "image (binary), label (double)"),
        ({"image": [{"path": "x.png"}]}, "image (struct<path: string>), label (int64)"),
    ],
)
def test_other_columns_are_told_with_what_is_expected(one_file: Path, columns: dict[str, Any], has: str) -> None:
    write(one_file / "train.parquet", [png(1)], [0], **columns)
    expected = "takes a column image of bytes or struct<bytes, path> and a column label of whole numbers"
    assert refusal(one_file) == f"dataset.root: root/train.parquet: {expected}; it has {has}"


def test_columns_of_other_names_are_told(tmp_path: Path) -> None:
    import pyarrow
    from pyarrow import parquet

    small_data_set(tmp_path)
    parquet.write_table(pyarrow.table({"img": [b""], "fine_label": [1]}), tmp_path / "data" / "train-1.parquet")
    assert refusal(tmp_path).endswith("it has img (binary), fine_label (int64)")


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        ([png(1), b"no image"], [0, 1], "row 1 is not an image that can be decoded"),
        ([png(1), None], [0, 1], "row 1: has no image bytes"),
        ([png(1), png(2)], [0, None], "row 1: has no label"),
        ([png(1), png(2)], [1, -1], "row 1: takes labels from 0 to 1, got -1"),
        ([png(1), png(2)], [0, 0], "takes two classes or more"),
    ],
)
def test_a_row_that_makes_no_sense_is_named(one_file: Path, images: list, labels: list, message: str) -> None:
    write(one_file / "train.parquet", images, labels)
    assert message in refusal(one_file)


def test_a_test_label_that_training_does_not_know_is_named(one_file: Path) -> None:
    write(one_file / "train.parquet", [png(1), png(2)], [0, 1])
    write(one_file / "test.parquet", [png(1)], [5])
    assert refusal(one_file) == "dataset.root: root/test.parquet, row 0: takes labels from 0 to 1, got 5"


def test_a_file_that_is_no_parquet_is_named(one_file: Path) -> None:
    (one_file / "train.parquet").write_bytes(b"PAR1 but no more")
    assert "root/train.parquet is no parquet file that can be read" in refusal(one_file)
