"""A copy of the code: what is in it, what is not, and that it is what a process imports."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from small_checkout import FILES, PLUGIN, git, names, origin, write

from launchers.slurm.snapshot import take


def test_a_clean_checkout_is_copied_as_it_was_committed(checkout: Path, copy: Path) -> None:
    assert take(copy, copy.parents[2]) == [str(copy), str(copy / "launchers/plugins")]
    assert names(copy) == {*FILES, "conf/sweeps", ".snapshot.json"}
    assert os.readlink(copy / "conf/sweeps") == "../sweeps"
    assert (copy / "conf/sweeps/digits.yaml").read_text() == "lambda: 5\n"
    commit = git(checkout, "rev-parse", "HEAD")
    assert origin(copy) == {"commit": commit, "dirty": False, "diff": "", "untracked": []}
    assert [path.name for path in copy.parent.iterdir()] == ["code"]


def test_what_is_not_committed_is_copied_too_and_what_is_ignored_is_not(checkout: Path, copy: Path) -> None:
    write(checkout, "hypo/errors.py", "class InputError(OSError): ...\n")
    write(checkout, "logo.png", "\0two")
    write(checkout, "hypo/defenses/größer als.py", "mine = 1\n")
    write(checkout, "hypo/__pycache__/errors.pyc", "compiled")
    write(checkout, "outputs/runs/a/config.yaml", "lambda: 5\n")
    write(checkout, "staged.py", "")
    git(checkout, "add", "staged.py")
    (checkout / "hypo/removed.py").unlink()
    (checkout / ".ci").write_text("#!/bin/sh\n")
    (checkout / ".ci").chmod(0o755)
    take(copy, checkout / "outputs")
    new = {"hypo/defenses/größer als.py", ".ci"}
    assert names(copy) == {*FILES, *new, "staged.py", "conf/sweeps", ".snapshot.json"} - {"hypo/removed.py"}
    assert (copy / "hypo/errors.py").read_text() == "class InputError(OSError): ...\n"
    assert os.access(copy / ".ci", os.X_OK)
    about = origin(copy)
    assert about["commit"] == git(checkout, "rev-parse", "HEAD")
    assert about["dirty"] is True
    assert set(about["untracked"]) == new
    assert "-class InputError(ValueError): ...\n+class InputError(OSError): ...\n" in about["diff"]
    assert "Binary files a/logo.png and b/logo.png differ\n" in about["diff"]


def test_the_diff_turns_the_commit_into_the_copy_however_diffs_are_configured(
    checkout: Path, copy: Path, tmp_path: Path
) -> None:
    write(checkout, "hypo/errors.py", "text with \t \r\n no end of line \n ")
    write(checkout, "hypo/long.py", FILES["hypo/long.py"].replace("line_20 = 20\n", ""))
    write(checkout, "hypo/new.py", "one\ntwo\n")
    git(checkout, "add", "hypo/new.py")
    (checkout / "analysis/__init__.py").unlink()
    write(checkout, ".git/info/attributes", "*.py diff=reversed\n")
    for setting in ("noprefix=true", "external=false", "context=0", "reversed.textconv=rev"):
        git(checkout, "config", *f"diff.{setting}".split("="))
    git(checkout, "config", "color.ui", "always")
    take(copy, tmp_path / "outputs")
    git(tmp_path, "clone", "--quiet", str(checkout), "clone")
    (tmp_path / "changes").write_bytes(origin(copy)["diff"].encode())
    git(tmp_path / "clone", "apply", "--whitespace=nowarn", "../changes")
    tracked = names(copy) - {".snapshot.json"}
    assert {name for name in names(tmp_path / "clone") if not name.startswith(".git/")} == tracked
    for name in tracked - {"conf/sweeps"}:
        assert (copy / name).read_bytes() == (tmp_path / "clone" / name).read_bytes()


def test_an_untracked_file_alone_makes_the_code_differ_from_its_commit(checkout: Path, copy: Path) -> None:
    write(checkout, "mine.py", "")
    take(copy, copy.parents[2])
    about = origin(copy)
    assert (about["dirty"], about["diff"], about["untracked"]) == (True, "", ["mine.py"])


def test_an_output_folder_inside_the_checkout_is_not_copied(checkout: Path) -> None:
    write(checkout, "results/runs/a/config.yaml", "lambda: 5\n")
    write(checkout, "results of others/table.csv", "")
    first, second = (checkout / "results/sweeps" / sweep / "code" for sweep in ("one", "two"))
    for copy in (first, second):
        take(copy, checkout / "results")
        assert names(copy) == {*FILES, "results of others/table.csv", "conf/sweeps", ".snapshot.json"}
        assert origin(copy)["untracked"] == ["results of others/table.csv"]


def test_an_output_folder_around_the_checkout_leaves_nothing_out(checkout: Path) -> None:
    output = checkout.parent
    take(output / "sweeps/one/code", output)
    assert names(output / "sweeps/one/code") == {*FILES, "conf/sweeps", ".snapshot.json"}


def test_a_folder_that_gave_way_to_a_link_is_copied_as_the_link(checkout: Path, copy: Path) -> None:
    elsewhere = checkout.parent / "elsewhere"
    (checkout / "sweeps").rename(elsewhere)
    (checkout / "sweeps").symlink_to(elsewhere)
    take(copy, copy.parents[2])
    assert (copy / "sweeps").readlink() == elsewhere
    assert (elsewhere / "digits.yaml").read_text() == "lambda: 5\n"


def test_a_repository_inside_the_checkout_is_not_copied(checkout: Path, copy: Path) -> None:
    git(checkout.parent, "clone", "--quiet", str(checkout), str(checkout / "other"))
    take(copy, copy.parents[2])
    assert names(copy) == {*FILES, "conf/sweeps", ".snapshot.json"}


@pytest.mark.parametrize("layout", ["unpacked", "installed"])
def test_without_git_the_packages_are_copied(layout: str, unpacked: Path, copy: Path) -> None:
    write(unpacked, "hypo/__pycache__/errors.pyc", "compiled")
    write(unpacked, "torch/__init__.py", "")
    if layout == "installed":
        (unpacked / "launchers/plugins/hydra_plugins").rename(unpacked / "hydra_plugins")
        (unpacked / "launchers/plugins").rmdir()
        write(unpacked, "hydra_plugins/of_others/__init__.py", "")
    entries = take(copy, copy.parents[2])
    plugins = "hydra_plugins" if layout == "installed" else "launchers/plugins/hydra_plugins"
    own = {name for name in FILES if name.startswith(("hypo/", "analysis/"))}
    hypo_launchers = {f"{plugins}/hypo_launchers/{name}.py" for name in ("__init__", "grid")}
    assert names(copy) == {*own, *hypo_launchers, ".snapshot.json"}
    assert entries == [str(copy)] + ([str(copy / "launchers/plugins")] if layout == "unpacked" else [])
    assert origin(copy) == {"commit": None, "dirty": None, "diff": None, "untracked": None}


def test_a_process_imports_the_copy_whatever_happens_to_the_original(checkout: Path, copy: Path) -> None:
    script = (
        "import sys; sys.path[:] = [entry for entry in sys.path if entry]; import hypo; "
        "from hydra_plugins.hypo_launchers import grid; "
        "print(hypo.__file__, grid.__file__, grid.lambda_)"
    )
    installed = [str(checkout), str(checkout / "launchers/plugins")]  # as an editable installation has them

    def imported(*entries: str) -> list[str]:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([*entries, *installed])}
        command = [sys.executable, "-c", script]
        return subprocess.run(
            command, cwd=checkout, env=environment, check=True, capture_output=True, text=True
        ).stdout.split()

    entries = take(copy, copy.parents[2])
    write(checkout, f"{PLUGIN}/grid.py", "lambda_ = 100\n")
    original = [f"{checkout}/hypo/__init__.py", f"{checkout}/{PLUGIN}/grid.py", "100"]
    assert imported() == original
    assert imported(*entries) == [f"{copy}/hypo/__init__.py", f"{copy}/{PLUGIN}/grid.py", "5"]


def test_taking_a_snapshot_does_not_import_torch() -> None:
    script = "import sys; from launchers.slurm import snapshot; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script]).returncode == 0
