"""Every sweep that has a name composes, holds the jobs that its header says, and shares what it says it shares."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from composing import CONF
from named_sweeps import ALL, PAPER, header, jobs
from typed_command import typed

from hypo.jobs.job import Job
from hypo.settings.identity import training_id, trains

SWEEPS = CONF.parent / "sweeps"
FULL = sorted(path.stem for path in (SWEEPS / "tao2022").glob("*.yaml"))


def test_there_is_a_sweep_for_every_table_and_figure_and_a_small_one_beside_it() -> None:
    assert set(FULL) == {*PAPER, ALL}
    assert {path.stem for path in (SWEEPS / "smoke" / "tao2022").glob("*.yaml")} == PAPER


@pytest.mark.parametrize("name", sorted(PAPER))
def test_a_sweep_and_its_small_twin_compose_to_what_their_headers_say(name: str) -> None:
    def grid(planned: Iterable[Job]) -> set[tuple[str, ...]]:
        groups = ("defense", "training_data", "threat_model", "evaluation")
        return {
            (*(str(job.config[group]["name"]) for group in groups), str(job.config["lambda"])) for job in planned
        }

    full, small = jobs(f"tao2022/{name}"), jobs(f"smoke/tao2022/{name}")
    for sweep, planned in [(f"tao2022/{name}", full), (f"smoke/tao2022/{name}", small)]:
        (said,) = re.findall(r"(\d+) jobs", header(sweep))
        assert len(planned) == int(said)
    assert grid(small) == grid(full)
    assert {job.config["dataset"]["name"] for job in small} == {"digits"}


@pytest.mark.parametrize(("sweeps", "trained"), [(["table14"], 4), (["table5", "table6"], 16)])
def test_models_are_trained_once_for_all_attacks_and_norms(sweeps: list[str], trained: int) -> None:
    planned = [job for sweep in sweeps for job in jobs(f"tao2022/{sweep}", "seed=0")]
    assert len({training_id(job.experiment) for job in planned if trains(job.experiment)}) == trained


def test_what_is_typed_wins_over_every_grid_of_a_sweep() -> None:
    planned = jobs("tao2022/figure2", "seed=7", "training_data=quality", "recipe.epochs=2")
    assert {(job.config["seed"], job.config["recipe"]["epochs"]) for job in planned} == {(7, 2)}
    assert {job.config["training_data"]["name"] for job in planned} == {"quality"}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_sweep_that_there_is_not_is_one_line(here: Path, monkeypatch: Any, capsys: Any) -> None:
    ended = typed(monkeypatch, capsys, "-m", "+sweeps=tao2022/table15")
    assert (ended.code, ended.out) == (2, "")
    assert ended.err == "error: sweeps/tao2022: has no 'table15'; python -m hypo.run --help lists what it has\n"


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("table14", ["evaluation=fgsm,cw100"]),
        ("figure2", []),
        ("figure3", ["dataset.scale=1"]),
    ],
)
def test_a_small_sweep_runs(name: str, part: list[str], here: Path, monkeypatch: Any, capsys: Any) -> None:
    arguments = ["seed=0", *part]
    ended = typed(monkeypatch, capsys, "-m", f"+sweeps=smoke/tao2022/{name}", *arguments)
    assert ended.code == 0, ended.err
    results = list((here / "outputs" / "runs").glob("*/result.json"))
    assert len(results) == len(jobs(f"smoke/tao2022/{name}", *arguments)) > 1
