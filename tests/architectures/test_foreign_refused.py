"""What is no model of anybody, or none that can be measured, is refused in one line."""

from __future__ import annotations

import argparse
import io
import json
import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from foreign_files import KINDS, MAKING, exported, images, refusal, saved
from foreign_models import foreign, network, scripted
from torch import Tensor, nn

from hypo.settings.errors import InputError

TAKES = "takes TorchScript, a program of torch.export, safetensors, a checkpoint of torch or a Hugging Face folder"


class Evil:
    """What makes a file of itself when it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, ("evil",)


@pytest.fixture(autouse=True)
def harmed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Nothing of a file is ever run."""
    monkeypatch.chdir(tmp_path)
    yield
    assert not Path("evil").exists()


def bytes_of(content: Any) -> bytes:
    buffer = io.BytesIO()
    torch.save(content, buffer)
    return buffer.getvalue()


WEIGHTS = "arch.path: takes the weights of a model by name"
RUNS = "arch.path: FILE is a pickle that would run code (it asks for"
REMEDY = "save the state_dict() of the model alone, and pass arch.architecture=module:callable"


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"", f"arch.path: {TAKES}, got FILE, which is empty"),
        (b"\x89PNG\r\n\x1a\n and so on", f"arch.path: {TAKES}, got FILE, another file"),
        (b"PK\x03\x04 and so on", "arch.path: FILE is truncated or damaged; copy it again"),
        (
            bytes_of({"epoch": 1, "loss": 2.0}),
            "arch.path: takes the weights of a model by name, got FILE with a dict of epoch, loss",
        ),
        (bytes_of(torch.zeros(3)), "arch.path: takes the weights of a model by name, got FILE with a Tensor"),
        (
            bytes_of({"linear.weight": torch.zeros(3)}),
            "arch.path: takes weights of foreign_models:network, got FILE (Missing key(s) in state_dict:"
            ' "convolution.weight", "convolution.bias", "norm.weight", "norm.bias", "norm.running_mean",'
            ' "norm.running_var", "linear.bias". size mismatch for linear.weight: copying a p)',
        ),
        (
            bytes_of({"state_dict": {}, "options": argparse.Namespace(lr=1)}),
            f"{RUNS} argparse.Namespace); {REMEDY}",
        ),
        *(
            (
                pickle.dumps({"a": Evil(), "b": [Evil(), print]}, protocol=protocol),
                f"{RUNS} posix.mkdir, {name}.print); {REMEDY}",
            )
            for protocol, name in ((2, "__builtin__"), (4, "builtins"), (5, "builtins"))
        ),
        (
            bytes_of({"weight": torch.zeros(3), "b": Evil()}),
            f"{RUNS} posix.mkdir); {REMEDY}",
        ),
    ],
)
def test_a_file_that_is_no_model(tmp_path: Path, content: bytes, line: str) -> None:
    (tmp_path / "model").write_bytes(content)
    assert refusal(tmp_path / "model", **MAKING) == line


@pytest.mark.parametrize("old", [False, True])
def test_a_whole_model_is_refused_by_the_names_that_it_asks_for(tmp_path: Path, old: bool) -> None:
    assert refusal(saved(network(), tmp_path / "model", old=old), **MAKING) == (
        f"{RUNS} foreign_models.Viewing, __builtin__.set,"
        f" torch.nn.modules.conv.Conv2d, torch.nn.modules.batchnorm.BatchNorm2d and 2 more); {REMEDY}"
    )


def test_a_whole_model_is_refused_where_no_architecture_is_given(tmp_path: Path) -> None:
    assert refusal(saved(network(), tmp_path / "model")).startswith(f"{RUNS} foreign_models.Viewing")


@pytest.mark.parametrize("name", [name for name in KINDS if name != "frozen"])
def test_a_truncated_file_is_refused(tmp_path: Path, name: str) -> None:
    write, settings = KINDS[name]
    file = write(network(), tmp_path / "model")
    file.write_bytes(file.read_bytes()[:-1000])
    assert refusal(file, **settings).startswith(
        ("arch.path: FILE is truncated", "arch.path: FILE: cannot be read: ")
    )


def test_an_archive_of_something_else_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "model.npz", a=np.zeros(3), b=np.zeros(4))
    assert refusal(tmp_path / "model.npz") == "arch.path: takes a model, got FILE, an archive of a.npy, b.npy"


def test_a_folder_that_is_none_of_hugging_faces_is_refused(tmp_path: Path) -> None:
    line = "arch.path: takes a file, or a folder of Hugging Face with a config.json, got FILE"
    assert refusal(tmp_path) == line


def test_what_is_not_there_is_refused(tmp_path: Path) -> None:
    for ask in (refusal, lambda path: said(foreign(path).fingerprint).replace(str(path), "FILE")):
        assert ask(tmp_path / "nowhere") == "arch.path: cannot read FILE: No such file or directory"


def said(call: Callable[[], object]) -> str:
    with pytest.raises(InputError) as refused:
        call()
    return str(refused.value)


def test_a_script_of_another_version_is_refused_with_torchs_reason(tmp_path: Path) -> None:
    file = scripted(network(), tmp_path / "model")
    changed = tmp_path / "changed"
    with zipfile.ZipFile(file) as old, zipfile.ZipFile(changed, "w", zipfile.ZIP_STORED) as new:
        for name in old.namelist():
            content = old.read(name)
            new.writestr(name, content.replace(b"torch.relu", b"torch.nope") if name.endswith(".py") else content)
    assert refusal(changed).startswith(f"arch.path: torch {torch.__version__} cannot read FILE (RuntimeError ")


# Programs of torch.export


class OfTwo(nn.Module):
    def forward(self, images: Tensor, scale: Tensor) -> Tensor:
        return images.flatten(1) * scale


def test_a_program_of_several_inputs_is_refused(tmp_path: Path) -> None:
    program = torch.export.export(OfTwo(), (images(2), torch.ones(())))
    torch.export.save(program, tmp_path / "model.pt2")
    line = "arch.path: takes a program of one input, the images, got FILE that takes images, scale"
    assert refusal(tmp_path / "model.pt2") == line


def test_what_torch_would_unpickle_of_a_program_is_refused_by_name(tmp_path: Path) -> None:
    """torch.export.load unpickles whatever an archive marks as pickled."""
    file = exported(network(), tmp_path / "model")
    with zipfile.ZipFile(file) as old, zipfile.ZipFile(tmp_path / "bad", "w", zipfile.ZIP_STORED) as new:
        (config,) = (name for name in old.namelist() if name.endswith("_weights_config.json"))
        entries = json.loads(old.read(config))
        first = next(iter(entries["config"].values()))
        first["use_pickle"] = True
        for name in old.namelist():
            evil = bytes_of(Evil()) if name.endswith(f"/{first['path_name']}") else old.read(name)
            new.writestr(name, json.dumps(entries) if name == config else evil)
    assert refusal(tmp_path / "bad") == (
        "arch.path: FILE is a pickle that would run code (it asks for posix.mkdir); export it without objects that"
        " are no tensors"
    )


def test_compiled_code_is_refused(tmp_path: Path) -> None:
    file = exported(network(), tmp_path / "model")
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr("model/data/aotinductor/model/model.so", b"whatever it does")
    assert refusal(file) == (
        "arch.path: takes a program that is not compiled yet, got FILE with model/data/aotinductor/model/model.so"
    )
