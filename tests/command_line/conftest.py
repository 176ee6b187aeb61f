"""`python -m hypo.run` typed in an empty folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from composing import CONF
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.plugins import Plugins
from parquet_files import small_data_set
from PIL import Image
from typed_command import typed

from hypo.command_line import plugins, resolvers


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):  # type: ignore[no-untyped-def]
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: typed(monkeypatch, capsys, *arguments)


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with images of one's own, which are looked at for their fingerprint; no run may come to it."""
    folder = tmp_path_factory.mktemp("here")
    for split in ("train", "test"):
        for shade, name in enumerate("ab"):
            (folder / "data" / split / name).mkdir(parents=True)
            Image.new("RGB", (8, 8), (100 * shade, 0, 0)).save(folder / "data" / split / name / "0.png")
    small_data_set(folder / "data")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        yield folder
    assert not (folder / "outputs").exists()


@pytest.fixture(scope="module")
def loader() -> Any:
    Plugins.instance()
    resolvers.register()
    plugins.register()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return GlobalHydra.instance().config_loader()
