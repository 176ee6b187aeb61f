"""`from hypo import audit`: the same numbers as of `risks`, in a run directory, with a page; begun once."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from torch import Tensor, nn

import hypo
from analysis.reading.collect import collect
from hypo import audit, risks
from hypo.auditing import held, in_memory
from hypo.datasets.images import ImageData
from hypo.settings.errors import InputError

README = Path(__file__).parents[2] / "README.md"
COUNT = 60


@pytest.fixture
def loader(digits: ImageData, monkeypatch: pytest.MonkeyPatch) -> list[tuple[Tensor, Tensor]]:
    """Two batches; audits find out little beside the risks."""
    monkeypatch.setattr(in_memory, "MEASUREMENTS", ("probing", "classes"))
    images, labels = digits.test.images[:COUNT].float() / 16, digits.test.labels[:COUNT]
    return [(images[:40], labels[:40]), (images[40:], labels[40:])]


def test_it_is_a_run_with_a_page_and_the_numbers_of_risks(
    digits_mlp: nn.Module, loader: Any, tmp_path: Path
) -> None:
    classes = [f"digit {number}" for number in range(10)]
    found = audit(digits_mlp, loader, "1/20", folder=tmp_path, evaluation="pgd20", classes=classes)
    expected = risks(digits_mlp, loader, 0.05, evaluation="pgd20")
    assert {name: found.result[name] for name in expected} == {name: each.value for name, each in expected.items()}
    assert found.flags.hyp.tolist() == expected.flags.hyp.tolist()
    assert found.page == tmp_path / "audit.html"
    assert "digit 7" in found.page.read_text()
    assert json.loads((found.directory / "result.json").read_text()) == found.result
    assert json.loads((found.directory / "status.json").read_text())["state"] == "done"
    (row,) = collect([tmp_path]).to_dict("records")  # what tables, curves and the report read
    assert (row["state"], row["arch"], row["dataset"]) == ("done", "Sequential", "given")


def test_again_it_measures_nothing_and_another_model_is_another_run(
    digits_mlp: nn.Module, loader: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = audit(digits_mlp, loader, 0.05, folder=tmp_path, evaluation="pgd20")
    hotter = nn.Sequential(digits_mlp, nn.Identity())
    hotter.forward = lambda images: digits_mlp(images) / 7  # type: ignore[method-assign]  # nothing else tells it
    cooler = nn.Sequential(digits_mlp, nn.Identity())
    others = [audit(model, loader, 0.05, folder=tmp_path, evaluation="pgd20") for model in (hotter, cooler)]
    assert len({each.directory for each in (first, *others)}) == 3
    assert others[0].flags.margin == pytest.approx(others[1].flags.margin / 7, rel=1e-4)
    monkeypatch.setattr("hypo.jobs.experiment.evaluate", None)
    first.page.unlink()
    again = audit(digits_mlp, loader, 0.05, folder=tmp_path, evaluation="pgd20")
    assert again.directory == first.directory
    assert again.page.exists()


def test_interrupted_it_goes_on_and_lets_go_of_what_it_held(
    digits_mlp: nn.Module, loader: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = audit(digits_mlp, loader, 0.05, folder=tmp_path / "whole", evaluation="pgd20")
    with monkeypatch.context() as patch:
        patch.setattr("hypo.measurements.classes.finding", _interrupted)
        with pytest.raises(KeyboardInterrupt):
            audit(digits_mlp, loader, 0.05, folder=tmp_path / "parts", evaluation="pgd20")
    assert not held._held
    monkeypatch.setattr("hypo.jobs.experiment.evaluate", None)  # done before
    resumed = audit(digits_mlp, loader, 0.05, folder=tmp_path / "parts", evaluation="pgd20")
    assert resumed.result == whole.result


def _interrupted(*_: Any) -> Any:
    raise KeyboardInterrupt


def test_what_is_wrong_with_the_model_is_on_the_page(digits_mlp: nn.Module, loader: Any, tmp_path: Path) -> None:
    soft = nn.Sequential(digits_mlp, nn.Softmax(1))
    found = audit(soft, loader, 0.05, folder=tmp_path, evaluation="pgd20")
    (warning,) = found.warnings
    assert "probabilities" in warning
    assert "the model returns probabilities" in found.page.read_text()


def test_settings_of_its_own_are_refused_by_name(digits_mlp: nn.Module, loader: Any, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="classes: takes a name for each of the model's 10 outputs, got 2"):
        audit(digits_mlp, loader, 0.05, folder=tmp_path, classes=["cat", "dog"])
    digits_mlp_with_a_lock = nn.Sequential(digits_mlp)
    digits_mlp_with_a_lock.generator = (number for number in range(3))  # type: ignore[assignment]
    with pytest.raises(InputError, match=r"model: takes one that copy\.deepcopy can copy"):
        audit(digits_mlp_with_a_lock, loader, 0.05, folder=tmp_path)
    assert not (tmp_path / "runs").exists()


def test_the_readme_says_what_works(
    digits_mlp: nn.Module, loader: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (block,) = re.findall(r"```python\n(from hypo import attack.*?)```", README.read_text(), re.DOTALL)
    monkeypatch.chdir(tmp_path)
    images, labels = loader[0]
    names: dict[str, Any] = {"model": digits_mlp, "loader": loader, "images": images, "labels": labels}
    exec(block, names)
    assert set(names["found"]) >= {"D", "A", "F", "R_hyp_minus"}
    assert names["hidden"].shape == images.shape
    assert names["page"].exists()
    assert set(hypo.__all__) == {"attack", "audit", "risks"}
