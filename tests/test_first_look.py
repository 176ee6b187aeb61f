"""The notebook for newcomers runs from top to bottom, and what is stored of it is fit for anybody's eyes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

NOTEBOOK = Path(__file__).parents[1] / "docs" / "first_look.ipynb"


def outputs(notebook: Any) -> list[Any]:
    return [output for cell in notebook["cells"] for output in cell.get("outputs", ())]


def test_what_is_stored_is_small_and_tells_of_no_machine() -> None:
    text = NOTEBOOK.read_text()
    assert len(text) < 100_000
    assert outputs(json.loads(text)) == []  # what is run again need not be stored
    for trace in ("/home", "/root", "/tmp", "/Users", "Traceback"):
        assert trace not in text


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # of Jupyter, which is not ours
def test_it_runs(tmp_path: Path) -> None:
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.read(NOTEBOOK, as_version=4)
    for cell in notebook.cells:
        cell.pop("outputs", None)
        if cell.cell_type == "code":
            cell.outputs = []
    NotebookClient(notebook, timeout=200, resources={"metadata": {"path": str(tmp_path)}}).execute()
    printed = "".join(str(output) for output in outputs(notebook))
    assert "mistakes can be hidden" in printed
    assert "image/png" in printed
    assert (tmp_path / "audit" / "audit.html").exists()
