"""Ctrl-C in the middle of an audit of large images, and the same command again."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from hypo.auditing.command import main
from hypo.measurements import evaluation

CLASSES, EACH = 4, 10
TYPED = (
    *("model.pt2", "images", "--epsilon", "1/2000", "measurement=[classes]", "tracking=disabled"),
    *("evaluation=pgd20", "evaluation.attack.steps=6", "search=[random]", "evaluation.then.random.steps=10"),
)
"""Two searches, which are short."""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One with forty images of 224×224 and a small network of torchvision, which is right about some of them."""
    from torchvision.models import shufflenet_v2_x0_5

    for label in range(CLASSES):
        (tmp_path / "images" / str(label)).mkdir(parents=True)
        for number in range(EACH):
            cells = np.random.default_rng(100 * label + number).integers(0, 256, (7, 7, 3), dtype=np.uint8)
            image = Image.fromarray(cells).resize((224, 224))
            image.save(tmp_path / "images" / str(label) / f"{number}.jpg")
    torch.manual_seed(0)
    model = shufflenet_v2_x0_5(num_classes=CLASSES)
    images = torch.stack(
        [
            torch.from_numpy(np.array(Image.open(file))).permute(2, 0, 1) / 255
            for file in sorted((tmp_path / "images").rglob("*.jpg"))
        ]
    )
    with torch.no_grad():
        model(images)  # batch norm's statistics, so that logits are of a size
        logits = model.eval()(images)
        model.fc.bias -= logits.mean(0)  # and predictions differ
    batch = torch.export.Dim("batch", min=1, max=1000)
    torch.export.save(
        torch.export.export(model, (images[:2],), dynamic_shapes=({0: batch},)), tmp_path / "model.pt2"
    )
    monkeypatch.chdir(tmp_path)
    return tmp_path


def result(outputs: str) -> dict[str, Any]:
    (file,) = Path(outputs, "runs").glob("*/result.json")
    found: dict[str, Any] = json.loads(file.read_text())
    return found


@pytest.mark.slow
def test_stopped_it_goes_on_where_it_was(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    command = [sys.executable, "-W", "ignore", "-m", "hypo.audit", *TYPED]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    until = time.monotonic() + 200
    while not list(folder.glob("outputs/runs/*/kept/evaluation/*.npz")):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < until
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert said.endswith("interrupted; the same command goes on from here\n")
    (status,) = folder.glob("outputs/runs/*/status.json")
    assert json.loads(status.read_text())["state"] == "interrupted"
    (kept,) = folder.glob("outputs/runs/*/kept/evaluation/*.npz")
    done = len(np.load(kept)["passes"])

    begun: list[int] = []
    attack = evaluation._attack

    def counted(pool: Any, chosen: Any, place: int, *others: Any) -> None:
        begun.append(place)
        attack(pool, chosen, place, *others)

    monkeypatch.setattr(evaluation, "_attack", counted)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    assert main(TYPED) == 0
    searches = len(result("outputs")["searches"])
    assert 1 <= done < searches
    assert begun == list(range(done, searches))
    assert not (status.parent / "kept").exists()
    assert (status.parent / "audit.html").exists()

    assert main([*TYPED, "--output-dir", "whole"]) == 0
    assert result("outputs") == result("whole")
    assert 0 < result("whole")["A"] < result("whole")["D"] < 1
