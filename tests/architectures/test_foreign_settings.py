"""Settings of a foreign model that make no sense, alone or with its file, are refused in one line."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from foreign_files import MAKING, refusal, saved
from foreign_models import network, scripted

from hypo.architectures.foreign import Foreign
from hypo.settings.errors import InputError


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ({"architecture": "nets"}, "architecture: takes module:callable, such as nets:resnet, got 'nets'"),
        (
            {"architecture": "nets.py:resnet()"},
            "architecture: takes module:callable, such as nets:resnet, got 'nets.py:resnet()'",
        ),
        ({"mean": (0.5,)}, "std: must be given where mean is"),
        ({"std": (0.5,)}, "mean: must be given where std is"),
        ({"mean": (0.5,), "std": (0,)}, 'std: takes a number > 0 (or a fraction such as "8/255"), got 0'),
        ({"mean": (0.5,), "std": (1, 1)}, "std: takes as many numbers as mean, 1, got 2"),
        ({"resize": 0}, "resize: takes a whole number >= 1, got 0"),
        ({"outputs": "odds"}, "outputs: takes one of logits, probabilities, got 'odds'"),
    ],
)
def test_settings_that_make_no_sense(settings: dict[str, Any], line: str) -> None:
    with pytest.raises(InputError) as refused:
        Foreign("somewhere", **settings)
    assert str(refused.value) == line


@pytest.mark.parametrize(
    ("architecture", "line"),
    [
        (
            "nowhere:net",
            "nowhere:net cannot be imported from FOLDER or what is installed (No module named 'nowhere')",
        ),
        (
            "nets:net",
            "nets:net cannot be imported from FOLDER or what is installed (module 'nets' has no attribute 'net')",
        ),
        ("nets:Number", "takes what gives an nn.Module, nets:Number gives int"),
        ("nets:wide", "nets:wide() failed (TypeError wide() missing 1 required positional argument: 'width')"),
        ("nets:broken", "nets:broken() failed (ZeroDivisionError division by zero)"),
        ("nets:THREE", "nets:THREE() failed (TypeError 'int' object is not callable)"),
    ],
)
def test_an_architecture_that_makes_no_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, architecture: str, line: str
) -> None:
    monkeypatch.delitem(os.sys.modules, "nets", raising=False)  # type: ignore[attr-defined]
    monkeypatch.chdir(tmp_path)
    Path("nets.py").write_text("Number = int\nTHREE = 3\ndef wide(width): ...\ndef broken(): 1 / 0\n")
    file = saved(network().state_dict(), tmp_path / "model")
    assert refusal(file, architecture=architecture) == f"arch.architecture: {line}".replace(
        "FOLDER", str(tmp_path)
    )


def test_weights_ask_for_an_architecture_and_programs_for_none(tmp_path: Path) -> None:
    assert refusal(saved(network().state_dict(), tmp_path / "weights")) == (
        "arch.architecture: takes module:callable that makes the network, and must be given for FILE, which has"
        " only its weights"
    )
    assert refusal(scripted(network(), tmp_path / "script"), **MAKING) == (
        "arch.architecture: takes null where the file has its own network, as FILE has"
    )


def test_means_of_other_channels_are_refused(tmp_path: Path) -> None:
    file = scripted(network(), tmp_path / "model")
    line = "arch.mean: takes one number a channel, here 1, got [0.1, 0.2]"
    assert refusal(file, mean=(0.1, 0.2), std=(1, 1)) == line
