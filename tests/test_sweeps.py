"""Every sweep that has a name composes, holds the jobs that its header says, and shares what it says it shares."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from command_line import typed
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.plugins import Plugins
from hydra.types import RunMode

from hypo import resolvers
from hypo.identity import training_id, trains
from hypo.job import Job

ROOT = Path(__file__).parents[1]
FULL = sorted(path.stem for path in (ROOT / "sweeps" / "tao2022").glob("*.yaml"))
NAMES = [f"{folder}tao2022/{name}" for folder in ("", "smoke/") for name in FULL]

PAPER = {*(f"table{number}" for number in (*range(1, 15), 16)), *(f"figure{number}" for number in range(2, 8))}


@cache
def jobs(sweep: str) -> tuple[Job, ...]:
    """The distinct runs that the sweep asks for, and those that they need."""
    Plugins.instance()  # imports the plugins anew, so that what was imported before would be another class
    from hydra_plugins.hypo_launchers._compose import Composer
    from hydra_plugins.hypo_launchers.grid_sweeper import GridSweeper

    resolvers.register()
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        loader = GlobalHydra.instance().config_loader()
        master = loader.load_configuration("config", [f"+sweeps={sweep}"], run_mode=RunMode.MULTIRUN)
        sweeper = GridSweeper(master.hydra.sweeper.params, master.hydra.sweeper.grids)
        found: dict[str, Job] = {}

        class Composing:
            """A launcher that runs nothing."""

            def launch(self, cells: Any, initial_job_idx: int) -> list:
                composer = Composer(loader, master)
                for cell in cells:
                    job = composer.job(cell)
                    found.update({planned.run_id: planned for planned in (*job.prerequisites, job)})
                return []

        sweeper.hydra_context = SimpleNamespace(config_loader=loader)  # type: ignore[assignment]
        sweeper.launcher = Composing()  # type: ignore[assignment]
        sweeper.sweep([])
    return tuple(found.values())


def header(sweep: str) -> str:
    lines = (ROOT / "sweeps" / f"{sweep}.yaml").read_text().splitlines()
    return " ".join(line.removeprefix("# ") for line in lines if line.startswith("#"))


def test_there_is_a_sweep_for_every_table_and_figure_and_a_small_one_beside_it() -> None:
    assert set(FULL) == PAPER
    assert {path.stem for path in (ROOT / "sweeps" / "smoke" / "tao2022").glob("*.yaml")} == PAPER


@pytest.mark.parametrize("sweep", NAMES)
def test_every_sweep_composes_to_the_jobs_that_its_header_says(sweep: str) -> None:
    (said,) = re.findall(r"(\d+) jobs", header(sweep))
    assert len(jobs(sweep)) == int(said)


@pytest.mark.parametrize("name", FULL)
def test_a_small_sweep_has_the_defenses_the_weights_and_the_training_data_of_the_full_one(name: str) -> None:
    def grid(sweep: str) -> set[tuple[str, ...]]:
        groups = ("defense", "training_data", "threat_model", "evaluation")
        return {
            (*(str(job.config[group]["name"]) for group in groups), str(job.config["lambda"]))
            for job in jobs(sweep)
        }

    assert grid(f"smoke/tao2022/{name}") == grid(f"tao2022/{name}")
    assert {job.config["dataset"]["name"] for job in jobs(f"smoke/tao2022/{name}")} == {"digits"}


@pytest.mark.parametrize(
    ("part", "whole"),
    [
        ("figure4", "table10"),
        ("figure2", "table4"),
        ("table4", "table1"),
        ("table3", "table1"),
        ("table11", "figure6"),
        ("table10", "figure7"),
    ],
)
def test_cells_that_are_shared_are_shared_runs(part: str, whole: str) -> None:
    of_part, of_whole = ({job.run_id for job in jobs(f"tao2022/{name}")} for name in (part, whole))
    assert of_part <= of_whole


@pytest.mark.parametrize(("sweeps", "trained"), [(["table14"], 20), (["table1", "table2"], 25)])
def test_models_are_trained_once_for_all_attacks_and_norms(sweeps: list[str], trained: int) -> None:
    planned = [job for sweep in sweeps for job in jobs(f"tao2022/{sweep}")]
    assert len({training_id(job.experiment) for job in planned if trains(job.experiment)}) == trained


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", ["table14", "table1", "figure3"])
def test_a_small_sweep_runs(name: str, here: Path, monkeypatch: Any, capsys: Any) -> None:
    ended = typed(monkeypatch, capsys, "-m", f"+sweeps=smoke/tao2022/{name}", "seed=0")
    assert ended.code == 0, ended.err
    results = list((here / "outputs" / "runs").glob("*/result.json"))
    assert 2 * len(results) == len(jobs(f"smoke/tao2022/{name}"))
