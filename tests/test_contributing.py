"""CONTRIBUTING is true: every room is in its table, and its examples work as they stand there."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas
import pytest
import yaml

PROJECT = Path(__file__).parents[1]
PAGE = (PROJECT / "CONTRIBUTING.md").read_text()
EXAMPLES = PAGE.partition("## Something new, by example")[2]

FILES: dict[str, str] = dict(
    re.findall(r"^`([\w/.]+)`\n```(?:python|yaml)\n(.*?)^```$", EXAMPLES, re.DOTALL | re.MULTILINE)
)
COMMANDS = [
    line
    for block in re.findall(r"^```bash\n(.*?)^```$", EXAMPLES, re.DOTALL | re.MULTILINE)
    for line in block.splitlines()
]
"""The files of the examples by their path, and the commands that are typed."""

SHORT = "recipe.epochs=3 evaluation.test_limit=60 tracking=disabled"

_TYPED = """
import json, sys
import hypo.run
from analysis.__main__ import main
for line in json.load(sys.stdin):
    module, *arguments = line
    sys.argv = [module, *arguments]
    try:
        code = main(arguments) if module == "analysis" else hypo.run.main()
    except SystemExit as stop:
        code = stop.code
    if code:
        sys.exit(f"{line}: {code}")
"""
"""Types commands one after the other, in a process that has imported everything once."""


def rooms() -> set[str]:
    """Every package below the roots, but those that only hold others."""
    return {
        str(file.parent.relative_to(PROJECT))
        for root in ("hypo", "launchers", "analysis")
        for file in (PROJECT / root).rglob("*/__init__.py")
        if file.parent != PROJECT / root
    }


def test_every_room_is_in_the_table_and_nothing_else_is() -> None:
    first_cells = re.findall(r"^\| (`.*?) \|", PAGE, re.MULTILINE)
    named = [room for cell in first_cells for room in re.findall(r"`([\w/]+)`", cell)]
    assert sorted(named) == sorted(rooms())


def test_all_that_the_page_names_is_there() -> None:
    """Files that it links to, and paths in its text, but for those that the examples make."""
    linked = re.findall(r"\]\(([\w/.]+)\)", PAGE)
    written = re.findall(r"`([\w.]+/[\w/.]*)`", PAGE)
    assert linked
    for path in {*linked, *written} - set(FILES):
        assert (PROJECT / path).exists(), path


def test_the_layers_are_those_that_are_held() -> None:
    """The way of the imports inside hypo, in the order of the contract."""
    contract = (PROJECT / "pyproject.toml").read_text().partition('containers = ["hypo"]')[2].partition("]\n")[0]
    held = re.findall(r"^    \"(.*)\",$", contract, re.MULTILINE)[1:]
    (told,) = re.findall(r"inside `hypo` (auditing .*?);", PAGE.replace("\n", " "))
    assert [set(re.split(r", ", layer)) for layer in told.split(" → ")] == [
        set(layer.split(" | ")) for layer in held
    ]


def test_there_is_an_example_of_everything() -> None:
    python = [path for path in FILES if path.endswith(".py")]
    assert [path.split("/")[1] for path in python] == [
        *("defenses", "attacks", "attacks", "measurements", "measurements", "training_data", "datasets"),
    ]
    assert [Path(path).parent.name for path in python if "attacks" in path] == ["searches", "goals"]
    with_yaml = {Path(path).stem for path in FILES if path.endswith(".yaml")}
    assert with_yaml == {Path(path).stem for path in python} - {"least_likely"}


@pytest.mark.parametrize("path", FILES)
def test_an_example_is_new_and_short(path: str) -> None:
    assert not (PROJECT / path).exists()
    assert len(FILES[path].splitlines()) < 60


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project with the examples in it."""
    copy = tmp_path_factory.mktemp("copy")
    for part in ("hypo", "conf", "launchers", "analysis", "sweeps"):
        shutil.copytree(PROJECT / part, copy / part, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(PROJECT / "pyproject.toml", copy)
    for path, content in FILES.items():
        (copy / path).write_text(content)
    return copy


def test_the_examples_are_written_as_all_else_is(project: Path) -> None:
    python = [path for path in FILES if path.endswith(".py")]
    for check in (["check"], ["format", "--check"]):
        subprocess.run([sys.executable, "-m", "ruff", *check, *python], cwd=project, check=True)


@pytest.fixture(scope="module")
def done(project: Path) -> Path:
    """The copy, after all commands of the examples, their runs made short, were typed in it."""
    typed = []
    for command in COMMANDS:
        python, _, module, *arguments = shlex.split(command)
        assert python == "python"
        is_run = module == "hypo.run"
        typed.append([module, *arguments, *(shlex.split(SHORT) if is_run else ())])
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(map(str, (project, project / "launchers" / "plugins"))),
        "OMP_NUM_THREADS": "1",
    }
    ran = subprocess.run(
        [sys.executable, "-c", _TYPED],
        input=json.dumps(typed),
        cwd=project,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stdout[-2000:] + ran.stderr
    (project / "printed").write_text(ran.stdout)
    return project


def runs(done: Path, **wanted: str) -> list[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """config.yaml and result.json of those with these options."""
    found = []
    for path in (done / "outputs" / "runs").iterdir():
        config = yaml.safe_load((path / "config.yaml").read_text())
        if all(config[group]["name"] == name for group, name in wanted.items()):
            found.append((config, json.loads((path / "result.json").read_text())))
    return found


@pytest.mark.parametrize(
    ("group", "name", "count"),
    [
        ("defense", "logit_pairing", 3),
        ("training_data", "pair_flip", 1),
        ("dataset", "two_gaussians", 1),
        ("recipe", "two_gaussians", 1),
    ],
)
def test_options_are_run_and_recorded(done: Path, group: str, name: str, count: int) -> None:
    ran = runs(done, **{group: name})
    assert len(ran) == count
    for config, _ in ran:
        assert config[group]["_target_"].startswith("hypo.")


def test_a_search_and_measurements_are_recorded(done: Path) -> None:
    with_both = [
        result
        for config, result in runs(done, dataset="digits")
        if config["evaluation"]["then"] and set(config["measurement"]) == {"reliability", "least_likely_rate"}
    ]
    assert len(with_both) == 2  # thrm and logit_pairing
    for result in with_both:
        assert list(result["searches"]) == ["attack", "momentum_iterative"]
        assert {"reliability", "least_likely_rate"} <= set(result["findings"])
        points = result["findings"]["reliability"]["curves"][0]["points"]
        assert sum(point["of"] for point in points) == 60
        assert sum(point["count"] for point in points) == result["counts"]["D"]["count"]
        assert 0 <= result["R_least_likely"] < 1


def test_they_are_in_the_tables_the_pages_and_the_dashboards(done: Path) -> None:
    printed = (done / "printed").read_text()
    rows = pandas.read_csv(done / "runs.csv")
    pages = "".join(path.read_text() for path in (done / "report").rglob("*.html"))
    dashboards = (done / "dashboards.json").read_text()
    assert {"R_least_likely", "R_confident", "ECE"} <= set(rows)
    for name in ("R_ll", "R_confident", "ECE", "logit_pairing"):
        assert f"| {name} |" in printed
        assert name in pages
    assert "decided, search by search: attack (adv " in printed.replace("\\", "")
    for name in (
        "R_least_likely",
        "R_confident",
        "ECE",
        "reliability/accuracy",
        "searches.momentum_iterative.adv",
    ):
        assert name in dashboards
    for name in ("momentum_iterative", "pair_flip", "two_gaussians"):
        assert name in pages
    assert {"quality", "pair_flip"} == set(rows["training_data"])
