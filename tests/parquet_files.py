"""Small parquet files of images, in the layout in which data sets are published."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
from pyarrow import parquet


def png(shade: int, size: int = 8, mode: str = "RGB") -> bytes:
    """One compressed image of one shade."""
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(np.full((size, size, 3) if mode == "RGB" else (size, size), shade, np.uint8)).save(file, "png")
    return file.getvalue()


def write(
    path: Path, images: Sequence[Any], labels: Sequence[Any], names: Sequence[str] | None = None, **columns: Any
) -> None:
    """One file; `images` are bytes, or dicts of bytes and path. `columns` replace or add to image and label."""
    path.parent.mkdir(parents=True, exist_ok=True)
    table = pyarrow.table({"image": list(images), "label": list(labels), **columns})
    if names is not None:
        features = {"info": {"features": {"label": {"names": list(names), "_type": "ClassLabel"}}}}
        table = table.replace_schema_metadata({"huggingface": json.dumps(features)})
    parquet.write_table(table, path)


def small_data_set(root: Path, names: Sequence[str] | None = None) -> None:
    """Two training files and a test file of structs."""

    def struct(shade: int) -> dict[str, Any]:
        return {"bytes": png(shade), "path": None}

    write(root / "data" / "train-00000-of-00002.parquet", [struct(10), struct(20)], [0, 1], names)
    write(root / "data" / "train-00001-of-00002.parquet", [struct(30)], [2], names)
    write(root / "data" / "test-00000-of-00001.parquet", [struct(40), struct(50)], [2, 0], names)
