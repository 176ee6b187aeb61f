"""What kind of file a model lies in, by what it holds, and its weights without running anything."""

from __future__ import annotations

import io
import json
import pickle
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO, Literal

import torch
from torch import Tensor

from hypo.architectures import weights
from hypo.settings.errors import InputError

Kind = Literal["script", "program", "pickle", "safetensors", "folder"]
"""TorchScript, a program of torch.export, what torch.save wrote, safetensors, or a folder of Hugging Face."""

_NESTED = ("state_dict", "model", "model_state_dict")
"""Under what a checkpoint has its weights, where it has more."""

_PREFIXES = ("module.", "_orig_mod.")
"""What wrappers of torch, for several devices and for compilation, put before every name."""


def kind(path: Path) -> Kind:
    """What lies at `path`.

    Raises:
        InputError: when nothing does, or nothing that is a model.
    """
    if path.is_dir():
        if (path / "config.json").is_file():
            return "folder"
        raise InputError(f"arch.path: takes a file, or a folder of Hugging Face with a config.json, got {path}")
    try:
        with path.open("rb") as file:
            start = file.read(9)
    except OSError as error:
        raise InputError(f"arch.path: cannot read {path}: {error.strerror or error}") from None
    if start.startswith(b"PK"):
        return _kind_of_archive(path)
    if start.startswith(b"\x80"):
        return "pickle"
    if start[8:] == b"{":
        return "safetensors"
    takes = "TorchScript, a program of torch.export, safetensors, a checkpoint of torch or a Hugging Face folder"
    raise InputError(f"arch.path: takes {takes}, got {path}, {'which is empty' if not start else 'another file'}")


def state(path: Path) -> dict[str, Tensor]:
    """The weights in a file of the kind "safetensors" or "pickle", by name, on the CPU.

    They are found under one of the usual names of a checkpoint, and stripped of what wrappers put before theirs.

    Raises:
        InputError: when the file cannot be read, asks for anything but tensors, or holds no weights.
    """
    if kind(path) == "safetensors":
        try:
            found: Any = weights.tensors(path)
        except InputError as error:
            raise InputError(f"arch.path: {error}") from None
    else:
        found = _unpickled(path)
    for name in _NESTED:
        if isinstance(found, Mapping) and isinstance(found.get(name), Mapping):
            found = found[name]
    if not isinstance(found, Mapping) or not any(isinstance(value, Tensor) for value in found.values()):
        of = f" of {', '.join(map(str, found))[:80] or 'nothing'}" if isinstance(found, Mapping) else ""
        got = f"a {type(found).__name__}{of}"
        raise InputError(f"arch.path: takes the weights of a model by name, got {path} with {got}")
    for prefix in _PREFIXES:
        if all(str(name).startswith(prefix) for name in found):
            found = {str(name).removeprefix(prefix): value for name, value in found.items()}
    return dict(found)


def refuse_pickles(path: Path) -> None:
    """Refuse, by name, a program of torch.export that has more than tensors beside its graph.

    torch.export.load unpickles what an archive says is pickled, and starts what it has of compiled code. What is
    left to trust is the graph: torch makes Python of it.

    Raises:
        InputError: naming what the archive asks for.
    """
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        if compiled := [name for name in names if "/data/aotinductor/" in name]:
            raise InputError(f"arch.path: takes a program that is not compiled yet, got {path} with {compiled[0]}")
        for config in names:
            if not config.endswith(("_weights_config.json", "_constants_config.json")):
                continue
            for entry in json.loads(archive.read(config))["config"].values():
                if entry["use_pickle"] or entry["path_name"].startswith(("custom_obj_", "opaque_obj_")):
                    _refuse_objects(path, archive.read(f"{config.rpartition('/')[0]}/{entry['path_name']}"))


def _kind_of_archive(path: Path) -> Kind:
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.namelist()
            first = min((member.header_offset for member in archive.infolist()), default=0)
        if first or len(set(members)) < len(members):
            # One archive within another, or one that other readers may see something else in.
            raise zipfile.BadZipFile
    except (zipfile.BadZipFile, OSError, ValueError):
        raise InputError(f"arch.path: {path} is truncated or damaged; copy it again") from None
    names = {part for name in members for part in (name, name.partition("/")[2])}
    if "constants.pkl" in names and any(name.startswith("code/") for name in names):
        return "script"
    if "archive_format" in names or "serialized_exported_program.json" in names:
        return "program"
    if "data.pkl" in names:
        return "pickle"
    raise InputError(f"arch.path: takes a model, got {path}, an archive of {', '.join(members[:3]) or 'nothing'}")


def _refuse_objects(path: Path, pickled: bytes) -> None:
    """Refuse what torch would unpickle of a program's archive, but for tensors of a kind of their own."""
    try:
        torch.load(io.BytesIO(pickled), map_location="cpu", weights_only=True)
    except Exception:  # what is no tensor
        asked = _asked_for(io.BytesIO(pickled)) or ["an object"]
        raise _would_run(path, asked, "export it without objects that are no tensors") from None


def _unpickled(path: Path) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Detected pickle protocol", UserWarning)
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        with path.open("rb") as file:
            asked = _asked_for(file)
        if not asked:
            raise InputError(f"arch.path: {path} is truncated or damaged; copy it again") from None
        remedy = "save the state_dict() of the model alone, and pass arch.architecture=module:callable"
        raise _would_run(path, asked, remedy) from None
    except Exception as error:  # a broken file has half a dozen kinds of them
        reason = " ".join(f"{type(error).__name__} {error}".split())[:120]
        raise InputError(f"arch.path: {path} is truncated or damaged ({reason}); copy it again") from None


def _would_run(path: Path, asked: list[str], remedy: str) -> InputError:
    first = sorted(asked, key=lambda name: name.startswith("torch."))  # what is not torch's is what matters
    names = ", ".join(first[:4]) + (f" and {len(asked) - 4} more" if len(asked) > 4 else "")
    return InputError(f"arch.path: {path} is a pickle that would run code (it asks for {names}); {remedy}")


def _asked_for(file: BinaryIO) -> list[str]:
    """What a pickle asks for beside tensors, such as os.system; none of it is imported, and nothing run."""
    if file.read(2) == b"PK":
        with zipfile.ZipFile(file) as archive:
            pickled = [name for name in archive.namelist() if name.rpartition("/")[2] == "data.pkl"]
            file = io.BytesIO(b"".join(map(archive.read, pickled)))
    file.seek(0)
    reader = _Reader(file)
    try:
        while True:  # a file of the older kind has several
            reader.load()
    except Exception:  # its end, or what follows the pickles: what was asked for before that is known
        return [name for name in dict.fromkeys(reader.asked) if not _is_of_tensors(name)]


def _is_of_tensors(name: str) -> bool:
    storage = name.startswith("torch.") and name.endswith("Storage")
    return name == "collections.OrderedDict" or name.startswith("torch._utils._rebuild_") or storage


class _Nothing:
    """What stands for whatever a pickle makes; it takes everything and does nothing."""

    def __init__(self, *_: Any, **__: Any) -> None: ...

    def __call__(self, *_: Any, **__: Any) -> _Nothing:
        return self

    def __setitem__(self, *_: Any) -> None: ...

    def __setstate__(self, _: Any) -> None: ...

    append = extend = add = __call__


class _Reader(pickle.Unpickler):
    """Notes what a pickle asks for, and gives it nothing."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__(file)
        self.asked: list[str] = []

    def find_class(self, module: str, name: str) -> Any:
        """A class of nothing, in the place of the one that is asked for."""
        self.asked.append(f"{module}.{name}")
        return type(name, (_Nothing,), {})

    def persistent_load(self, _: Any) -> Any:
        """Nothing, in the place of a tensor's storage or of a class."""
        return _Nothing
