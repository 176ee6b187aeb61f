"""What is refused as a copy of the code, and what an earlier or a broken one does."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from small_checkout import PLUGIN, write

from hypo.settings.errors import InputError
from launchers.slurm.snapshot import take


def test_a_heap_of_untracked_files_is_refused(checkout: Path, copy: Path) -> None:
    write(checkout, "small.py", "")
    for name, size in (("images/one.bin", 10_000_000), ("images/two.bin", 15_000_000)):
        write(checkout, name, "")
        os.truncate(checkout / name, size)
    with pytest.raises(InputError) as error:
        take(copy, copy.parents[2])
    assert str(error.value) == (
        "hydra.launcher.snapshot: takes at most 20 MB of untracked files, got 25 MB, most of it in "
        "images/two.bin; name in .gitignore what is not code"
    )
    write(checkout, ".gitignore", "/images/\n")
    take(copy, copy.parents[2])
    assert (copy / "small.py").exists()
    assert not (copy / "images").exists()


@pytest.mark.parametrize(("path", "reason"), [(os.environ["PATH"], "gone"), ("", "No such file")])
def test_a_checkout_that_git_cannot_read_is_refused(
    path: str, reason: str, checkout: Path, copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.rmtree(checkout / ".git")
    (checkout / ".git").write_text("gitdir: gone\n")
    monkeypatch.setenv("PATH", path)
    with pytest.raises(InputError, match=rf"^hydra\.launcher\.snapshot: git cannot read the checkout .*{reason}"):
        take(copy, copy.parents[2])


@pytest.mark.parametrize(
    ("output", "takes"), [("project", "a folder beside the code"), ("10:30", "a path without ':'")]
)
def test_an_output_folder_that_cannot_hold_a_copy_is_refused(
    output: str, takes: str, unpacked: Path, tmp_path: Path
) -> None:
    with pytest.raises(InputError) as error:
        take(tmp_path / output / "sweeps/one/code", tmp_path / output)
    assert str(error.value) == f"output_dir: with hydra.launcher.snapshot takes {takes}, got {tmp_path / output}"


def test_a_copy_that_fails_half_way_leaves_nothing(
    unpacked: Path, copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[Path] = []

    def copy_two(source: Path, target: Path, **options: Any) -> None:
        if len(done) == 2:
            raise OSError(28, "No space left on device", str(target))
        assert not copy.exists()
        done.append(target)
        target.write_bytes(source.read_bytes())

    monkeypatch.setattr(shutil, "copy2", copy_two)
    with pytest.raises(InputError, match=r"^hydra\.launcher\.snapshot: cannot copy .*No space left on device"):
        take(copy, copy.parents[2])
    assert len(done) == 2
    assert list(copy.parent.iterdir()) == []


def test_an_earlier_copy_is_not_overwritten(unpacked: Path, copy: Path) -> None:
    take(copy, copy.parents[2])
    write(unpacked, f"{PLUGIN}/grid.py", "lambda_ = 100\n")
    with pytest.raises(InputError, match=r"^hydra\.launcher\.snapshot: cannot copy "):
        take(copy, copy.parents[2])
    assert (copy / f"{PLUGIN}/grid.py").read_text() == "lambda_ = 5\n"
    assert [path.name for path in copy.parent.iterdir()] == ["code"]
