"""MODEL and DATA of an audit as settings, as they would be typed for `python -m hypo.run`."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from hypo.command_line.config_folder import FOLDER
from hypo.settings import checks
from hypo.settings.errors import InputError

OF_FILES = ("image_folder", "parquet")
"""The data sets that are called by the path of their files and not by a name."""

TEST_FOLDERS = ("test", "val", "validation")
"""What the folder of the images to test on is called."""


def setting(key: str, value: Any) -> str:
    """`key=value` with the value quoted for the config framework where it is a text."""
    if value is None or isinstance(value, bool):
        return f"{key}={'null' if value is None else str(value).lower()}"
    if isinstance(value, (list, tuple)):
        return f"{key}=[{','.join(map(str, value))}]"
    if isinstance(value, (int, float)) or re.fullmatch(r"[\w./-]*[\w-]", value):
        return f"{key}={value}"
    # A backslash is one of the text's own, but before a quote.
    escaped = re.sub(r"(\\*)('|$)", lambda found: 2 * found[1] + ("\\'" if found[2] else ""), value)
    return f"{key}='{escaped}'"


def of_model(word: str, architecture: str | None) -> list[str]:
    """The settings that choose the model that `word` stands for.

    Args:
        word: the path of a file or a folder, else the name of a classifier of torchvision.
        architecture: `module:callable`, for a file that holds nothing but weights.

    Raises:
        InputError: when it is neither, or a run directory without a model.
    """
    path = Path(word).expanduser()
    run = path.parent if path.name == "model.safetensors" else path
    if architecture is None and (run / "config.yaml").is_file():
        return _of_run(run)
    if path.exists():
        chosen = [] if architecture is None else [setting("arch.architecture", architecture)]
        return ["arch=foreign", setting("arch.path", checks.absolute(word)), *chosen]
    if architecture is not None:
        raise InputError(f"MODEL: takes a file with the weights of {architecture}, but there is no {word}")
    return _of_torchvision(word)


def of_data(word: str, root: str | None) -> list[str]:
    """The settings that choose the data set that `word` stands for.

    Args:
        word: the name of a data set, else the path of a folder or of a parquet file.
        root: where the files of the data set of that name lie.

    Raises:
        InputError: when there is none.
    """
    if word in (names := _data_sets()):
        return [f"dataset={word}", *([] if root is None else [setting("dataset.root", root)])]
    if root is not None:
        raise InputError(f"--root: goes with the name of a data set ({', '.join(names)}), got {word}")
    path = Path(word).expanduser()
    if not path.exists():
        near = difflib.get_close_matches(word, names, n=1)
        hint = f" (did you mean {near[0]}?)" if near else ""
        takes = f"a folder of images, parquet files or one of {', '.join(names)}"
        raise InputError(f"DATA: takes {takes}, got {word}, which is none of them{hint}")
    if path.is_file():
        if path.suffix.lower() != ".parquet":
            raise InputError(f"DATA: takes a folder of images or parquet files, got the file {word}")
        return ["dataset=parquet", setting("dataset.root", checks.absolute(word))]
    if next(path.rglob("*.parquet"), None) is not None:
        return ["dataset=parquet", setting("dataset.root", checks.absolute(word))]
    return _of_image_folder(path)


def _data_sets() -> list[str]:
    """The data sets that have a name."""
    return sorted(file.stem for file in (FOLDER / "dataset").glob("*.yaml") if file.stem not in OF_FILES)


def _of_image_folder(path: Path) -> list[str]:
    """ImageNet, or images in folders of one's own, with or without those that a model was trained on."""
    if _holds_wnids(path / "val"):
        return ["dataset=imagenet", setting("dataset.root", checks.absolute(str(path)))]
    test = next((name for name in TEST_FOLDERS if (path / name).is_dir()), None)
    if test is None or not (path / "train").is_dir():
        root = path if test is None else path / test
        return ["dataset=image_folder", setting("dataset.root", checks.absolute(str(root)))]
    return ["dataset=image_folder", setting("dataset.root", checks.absolute(str(path))), f"dataset.test={test}"]


def _holds_wnids(folder: Path) -> bool:
    """Whether the classes in `folder` are called as ImageNet's are."""
    names = [entry.name for entry in folder.iterdir() if entry.is_dir()] if folder.is_dir() else []
    return bool(names) and all(re.fullmatch(r"n\d{8}", name) for name in names)


def _of_torchvision(word: str) -> list[str]:
    from torchvision import models

    if word in (known := models.list_models(module=models)):
        return ["arch=torchvision", f"arch.name={word}", "arch.weights=DEFAULT"]
    near = difflib.get_close_matches(word, known, n=3, cutoff=0.6)
    hint = f"; torchvision has {', '.join(near)}" if near else ""
    raise InputError(
        f"MODEL: takes a model's file or folder, or the name of a classifier of torchvision, got {word}, which is"
        f" neither{hint}"
    )


def _of_run(run: Path) -> list[str]:
    """The model of a run directory: the weights that it trained, or the model that it measured itself."""
    from hypo.architectures.normalised import is_loaded
    from hypo.architectures.saved import Saved
    from hypo.jobs.job import option_of
    from hypo.runs.directory import RunDirectory
    from hypo.settings.components import build, describe

    arch = build(RunDirectory(run).config()["arch"], "arch")
    if is_loaded(arch) and not isinstance(arch, Saved):
        return [f"arch={option_of(arch)}", *_leaves("arch", describe(arch))]
    weights = run / "model.safetensors"
    if not weights.is_file():
        raise InputError(f"MODEL: takes a run that has a model, but there is no {weights}")
    of = arch.of if isinstance(arch, Saved) else arch
    path = setting("arch.path", checks.absolute(str(weights)))
    return ["arch=saved", f"arch@arch.of={option_of(of)}", path, *_leaves("arch.of", describe(of))]


def _leaves(key: str, settings: Mapping[str, Any]) -> Iterator[str]:
    for name, value in settings.items():
        if isinstance(value, Mapping):
            yield from _leaves(f"{key}.{name}", value)
        elif name not in ("_target_", "fingerprint"):
            yield "++" + setting(f"{key}.{name}", value)  # an option need not list all the settings there are
