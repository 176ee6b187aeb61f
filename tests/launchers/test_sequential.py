"""A sweep in one process: plan, progress, table, curve, repetition, interruption."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from typed_command import typed

from analysis.reading.collect import collect
from hypo.jobs.experiment import Experiment

SHORT = ("recipe.epochs=1", "recipe.train_limit=60", "evaluation.test_limit=50", "tracking=disabled")

HOLD = """
import sys, time
from pathlib import Path
from hypo.runs.lock import Lock
with Lock(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):  # type: ignore[no-untyped-def]
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: typed(monkeypatch, capsys, "-m", *SHORT, *arguments)


def states(folder: Path) -> list[str]:
    """The states of all runs of the one sweep, in its order."""
    (sweep,) = (folder / "outputs" / "sweeps").iterdir()
    return list(collect(sweep)["state"])


def after(line: str, out: str) -> str:
    return out[out.index(line) :]


def test_the_lambda_sweep_as_it_is_typed(run, tmp_path: Path) -> None:
    first = run("defense=thrm,trades", "lambda=0,1,5,...,100")
    assert first.code == 0
    assert "18 jobs, 0 done, 18 to run" in first.out
    for number in range(1, 19):
        assert f"{number:>3} of 18  digits-mlp-" in first.out
    rows = [line.split() for line in after("defense", first.out).splitlines()[2:20]]
    assert [row[-8] for row in rows] == 2 * ["0", "1", "5", "10", "20", "40", "60", "80", "100"]
    (sweep,) = (tmp_path / "outputs" / "sweeps").iterdir()
    for suffix in ("png", "pdf", "svg"):
        assert (sweep / f"tradeoff.{suffix}").stat().st_size > 1000
    second = run("defense=thrm,trades", "lambda=0,1,5,...,100")
    assert second.code == 0
    assert "18 jobs, 18 done, 0 to run" in second.out
    assert after("digits, mlp", second.out) == after("digits, mlp", first.out)


@pytest.mark.parametrize(
    "path", sorted((Path(__file__).parents[2] / "sweeps").glob("*.yaml")), ids=lambda path: path.stem
)
def test_every_named_sweep_composes_and_yields_to_what_is_typed(run, path: Path) -> None:
    typed = run(f"+sweeps={path.stem}", "lambda=0,...,1", "seed=3", "defense=thrm")
    assert typed.code == 0
    assert "2 jobs, 0 done, 2 to run" in typed.out


def test_several_keys_at_once_and_duplicates_once(run) -> None:
    typed = run("defense=standard,trades", "lambda=1,1.0", "threat_model=linf,l2", "arch=mlp,small_cnn")
    assert typed.code == 0
    assert "8 jobs (8 typed twice)" in typed.out


def test_a_wrong_cell_refuses_the_whole_sweep(run, tmp_path: Path) -> None:
    typed = run("lambda=0,1,-3")
    assert typed.code == 2
    assert typed.err == (
        'error: lambda: takes a number >= 0 (or a fraction such as "8/255"), got -3 '
        f"(in the job {' '.join(SHORT)} lambda=-3)\n"
    )
    assert not (tmp_path / "outputs").exists()


@pytest.mark.parametrize("values", ["...", "...,5", "5,...", "100,...,1", "a,...,5"])
def test_dots_stand_between_two_numbers(run, values: str) -> None:
    typed = run(f"lambda={values}")
    assert typed.code == 2
    assert typed.err.startswith("error: lambda: ")
    assert typed.err.count("\n") == 1


def test_a_failed_job_leaves_the_others_alone(run) -> None:
    typed = run("lambda=1", "recipe.learning_rate=0.01,1e30")
    assert typed.code == 1
    assert "failed: diverged" in typed.out
    assert "R_nat" in typed.out
    assert "0 of 1" in typed.out


def test_a_broken_result_is_one_hole_and_stays_as_it_was(run, tmp_path: Path) -> None:
    run("seed=0")
    (result,) = (tmp_path / "outputs" / "runs").glob("*/result.json")
    result.write_text('{"schema": 2, "D"')
    typed = run("seed=0,1")
    assert typed.code == 1
    assert "failed: outputs/runs/" in typed.out
    assert "move it away" in typed.out
    assert "1 of 2" in typed.out
    assert result.read_text() == '{"schema": 2, "D"'


def test_a_sweep_has_one_output_dir(run, tmp_path: Path) -> None:
    typed = run("output_dir=one,two")
    assert typed.code == 2
    assert not list(tmp_path.iterdir())
    assert typed.err == "error: output_dir: a sweep has one, got one, two\n"


def test_an_error_that_nobody_foresaw_fails_its_job_alone(run, monkeypatch, tmp_path: Path) -> None:
    whole = Experiment.run

    def sometimes(self, directory, observer, models):  # type: ignore[no-untyped-def]
        if self.seed == 1:
            raise RuntimeError("a bolt from\nthe blue")
        return whole(self, directory, observer, models)

    monkeypatch.setattr(Experiment, "run", sometimes)
    typed = run("seed=0,1,2")
    assert typed.code == 1
    assert "failed: RuntimeError: a bolt from the blue" in typed.out
    assert "2 of 3" in typed.out
    (failed,) = (tmp_path / "outputs" / "runs").glob("*-s1-*")
    assert "a bolt from" in json.loads((failed / "status.json").read_text())["traceback"]


def test_an_interrupted_sweep_finishes_the_rest(run, monkeypatch, tmp_path: Path) -> None:
    whole = Experiment.run

    def until_the_second(self, directory, observer, models):  # type: ignore[no-untyped-def]
        if self.seed == 1:
            raise KeyboardInterrupt
        return whole(self, directory, observer, models)

    with monkeypatch.context() as patched:
        patched.setattr(Experiment, "run", until_the_second)
        stopped = run("seed=0,1,2")
    assert stopped.code == 130
    assert "the same command goes on" in stopped.err
    (interrupted,) = (tmp_path / "outputs" / "runs").glob("*-s1-*")
    assert json.loads((interrupted / "status.json").read_text())["state"] == "interrupted"
    assert states(tmp_path) == ["done", "interrupted", "queued"]
    assert len(list((tmp_path / "outputs" / "runs").iterdir())) == 2  # what was not begun is only planned
    rest = run("seed=0,1,2")
    assert rest.code == 0
    assert "3 jobs, 1 done, 2 to run" in rest.out
    assert states(tmp_path) == ["done"] * 3


def test_a_run_that_another_process_holds_is_awaited(run, tmp_path: Path) -> None:
    run("seed=0")
    (path,) = (tmp_path / "outputs" / "runs").iterdir()
    (path / "result.json").unlink()
    with subprocess.Popen([sys.executable, "-c", HOLD, str(path / ".lock")], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        threading.Timer(2, holder.kill).start()
        typed = run("seed=0,1")
    assert typed.code == 0
    lines = [line for line in typed.out.splitlines() if "linf0.1-s" in line]
    assert "is being run by another process; its result is awaited at the end" in lines[0]
    assert "  1 of 2  digits-mlp-thrm-lambda5-linf0.1-s1" in lines[1]
    assert "  2 of 2  digits-mlp-thrm-lambda5-linf0.1-s0" in lines[2]


def statuses(folder: Path) -> list[dict]:
    return [json.loads(path.read_text()) for path in (folder / "outputs" / "runs").glob("*/status.json")]


@pytest.mark.slow
def test_ctrl_c_keeps_what_is_done(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hypo.run", "-m", *SHORT, "recipe.epochs=300", "seed=0,1,2,3,4,5,6,7,8,9"]
    with subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ
    ) as sweep:
        assert sweep.stdout is not None
        for line in sweep.stdout:
            if " 1 of 10" in line:
                break
        while not any(
            0 < found.get("epoch", 0) < 100 for found in statuses(tmp_path) if found["state"] == "running"
        ):
            time.sleep(0.01)  # until a run is well under way
        sweep.send_signal(signal.SIGINT)
        _, err = sweep.communicate(timeout=60)
    assert sweep.returncode == 130
    assert err == "interrupted; the same command goes on from here\n"
    found = states(tmp_path)
    assert len(found) == 10
    done = found.count("done")
    assert done >= 1
    assert found == ["done"] * done + ["interrupted"] + ["queued"] * (9 - done)
    assert sorted(status["state"] for status in statuses(tmp_path)) == ["done"] * done + ["interrupted"]
