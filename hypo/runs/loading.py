"""The way back from a run directory to Python: the model, the test data, the flags."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from torch import Tensor, nn

from hypo.architectures import weights
from hypo.architectures.normalised import Normalised
from hypo.datasets.images import Images
from hypo.datasets.on_demand import OnDemand
from hypo.measurements.risks import Flags
from hypo.runs.directory import RunDirectory
from hypo.settings.components import build, describe
from hypo.settings.errors import InputError


def load_model(path: str | Path) -> nn.Module:
    """The trained model of a run, on the CPU and in `eval()` mode.

    It takes images in [0, 1], (batch, channels, height, width); its first layer normalises them.
    Only weights are read, nothing is unpickled.

    Raises:
        InputError: when the run has no model yet, or its files cannot be read.
    """
    directory = RunDirectory(Path(path))
    settings = directory.config()["arch"]
    arch = build(settings, "arch")
    file = directory.path / "model.safetensors"
    if not file.exists():
        state = directory.status().get("state", "not started")
        again = (directory.path / "result.json").exists()
        what = "move result.json away to train it again" if again else f"the run is {state}"
        raise InputError(f"{file}: there is no trained model; {what}")
    if getattr(arch, "is_rebuilt_from_path", False) and arch.fingerprint() != settings["fingerprint"]:
        raise InputError(f"{path}: its model is rebuilt from {arch.path}, which has changed; put the old one back")
    trained, shape, classes = weights.read(file)
    channels = shape[0]
    model = Normalised(arch.build(shape, classes), [0.0] * channels, [1.0] * channels)
    model.load_state_dict(trained)
    return model.eval()


def load_test_data(path: str | Path) -> tuple[Images, Tensor]:
    """The test images and labels of a run, in the order of its examples.parquet.

    Returns:
        (examples, channels, height, width) float32 in [0, 1], of a data set that is decoded on demand only where
        indexed, and (examples,) int64.

    Raises:
        InputError: when the data set is no longer where the run found it.
    """
    config = RunDirectory(Path(path)).config()
    dataset = build(config["dataset"], "dataset")
    if describe(dataset).get("fingerprint") != config["dataset"].get("fingerprint"):
        raise InputError(f"{path}: the images of its data set are not those that the run was tested on")
    data = dataset.load()
    split, _ = data.test.limited(config["evaluation"]["test_limit"])
    images = split.images
    scaled = images.in_units_of(data.maximum) if isinstance(images, OnDemand) else images.float() / data.maximum
    return scaled, split.labels


def load_flags(path: str | Path) -> Flags:
    """What a run found out about each test example.

    Raises:
        InputError: when it has no result yet, or its files are missing or cannot be read.
    """
    import pandas

    directory = RunDirectory(Path(path))
    file = directory.path / "examples.parquet"
    result = directory.result()
    if result is None:
        state = directory.status().get("state", "not started")
        raise InputError(f"{directory}: has no result; the run is {state}")
    try:
        # Not those of the config, which is that of the newest command: it may call the same searches otherwise.
        searches = result["searches"]
        numbers = {name: number for number, name in enumerate(searches)}
        is_counted = all("passes" in decided for decided in searches.values())
        examples = pandas.read_parquet(file)
        stored = {name: np.array(examples[name]) for name in set(examples) - {"search", "sta_search"}}
        by = (examples[name].map(numbers).fillna(-1).to_numpy(np.int64) for name in ("search", "sta_search"))
        return Flags(
            **stored,  # type: ignore[arg-type]
            decided_by=next(by),
            moved_by=next(by),
            searches=tuple(searches),
            passes=tuple(decided["passes"] for decided in searches.values()) if is_counted else None,
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{file}: cannot be read ({reason}); move result.json away to evaluate again") from None
