"""A sweep in worker processes: same results, separate logs, and a crash or Ctrl-C that costs one job."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pandas
import pytest
import torch
import yaml
from typed_command import Typed, typed

from analysis.reading.collect import collect
from hypo.runs.outcome import Outcome
from hypo.runs.status import read as status
from launchers.packing import found
from launchers.packing.need import Machine, Need
from launchers.packing.policy import Packing
from launchers.planning import estimate
from launchers.pool.pool import Pool, Task

SHORT = ("recipe.epochs=1", "recipe.train_limit=60", "evaluation.test_limit=50", "tracking=disabled")

Run = Callable[..., Typed]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: typed(monkeypatch, capsys, "-m", *SHORT, *arguments)


def states(folder: Path) -> list[str]:
    """The states of all runs of the one sweep, in its order."""
    (sweep,) = (folder / "outputs" / "sweeps").iterdir()
    return list(collect(sweep)["state"])


def the_run(outputs: Path, seed: int) -> Path:
    (path,) = (outputs / "runs").glob(f"*-s{seed}-*")
    return path


def test_the_results_are_those_of_one_process(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    local = run("seed=0,1,2,3", "hydra/launcher=local", "output_dir=local")
    assert local.code == 0
    assert "4 jobs, 0 done, 4 to run, 2 at a time" in local.out
    assert run("seed=0,1,2,3", "output_dir=one").code == 0
    for seed in range(4):
        ours, other = the_run(tmp_path / "local", seed), the_run(tmp_path / "one", seed)
        assert ours.name == other.name
        assert (ours / "result.json").read_bytes() == (other / "result.json").read_bytes()
        assert (ours / "model.safetensors").read_bytes() == (other / "model.safetensors").read_bytes()
        pandas.testing.assert_frame_equal(
            *(pandas.read_parquet(path / "examples.parquet") for path in (ours, other)), check_exact=True
        )
        assert (ours / "log.txt").read_text() == "epoch 1 of 1: loss " + (ours / "log.txt").read_text()[19:]
    assert len({status(the_run(tmp_path / "local", seed))["pid"] for seed in range(4)}) == 2
    again = run("seed=0,1,2,3", "hydra/launcher=local", "output_dir=local")
    assert again.code == 0
    assert "4 jobs, 4 done, 0 to run\n" in again.out


def test_a_failed_job_leaves_the_others_alone(run: Run) -> None:
    typed = run("recipe.learning_rate=0.01,1e30", "hydra/launcher=local", "hydra.launcher.workers=1")
    assert typed.code == 1
    assert "failed: diverged" in typed.out
    assert "R_nat" in typed.out


def test_workers_run_what_was_composed(run: Run, tmp_path: Path) -> None:
    """Whatever was written into a run directory meanwhile: its name stands for the settings that were typed."""
    run("seed=0")
    path = the_run(tmp_path / "outputs", 0)
    result = (path / "result.json").read_bytes()
    config = (path / "config.yaml").read_text()
    for name in ("result.json", "model.safetensors"):
        (path / name).unlink()
    (path / "config.yaml").write_text(config.replace("epochs: 1", "epochs: 2"))
    typed = run("seed=0", "hydra/launcher=local")
    assert typed.code == 0
    assert (path / "config.yaml").read_text() == config
    assert (path / "result.json").read_bytes() == result
    assert status(path)["epochs"] == 1


def test_a_planned_run_has_no_directory_until_it_starts(run: Run, tmp_path: Path) -> None:
    planned: list[int] = []

    def look(self: Pool, tasks: Sequence[Task]) -> Iterator[tuple[Task, Outcome]]:
        planned.append(len(list((tmp_path / "outputs" / "runs").iterdir())))
        assert states(tmp_path) == ["queued"] * 3
        yield from whole(self, tasks)

    whole = Pool.run
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Pool, "run", look)
        assert run("seed=0,1,2", "hydra/launcher=local").code == 0
    assert planned == [0]
    assert states(tmp_path) == ["done"] * 3


AUTO = "hydra.launcher.runs_per_gpu=auto"


def test_a_gpu_begins_with_one_run_and_holds_what_an_earlier_sweep_found(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On GPUs that are not there: the runs are computed on the CPU."""
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr("os.cpu_count", lambda: 4)
    first = run("seed=0", "hydra/launcher=local", AUTO)
    assert first.code == 0
    assert "1 to run, 1 at a time\n1 run a GPU to begin with (hydra.launcher.runs_per_gpu=auto)\n" in first.out
    kind = estimate.kind(yaml.safe_load((the_run(tmp_path / "outputs", 0) / "config.yaml").read_text()))
    packing = Packing(Machine(1, 4), runs=2, is_final=True, speed_up=1.62)
    found.keep(tmp_path / "outputs", [kind], packing, Need("Pretend"), "2b6d58fbe58b")
    second = run("seed=1,2", "hydra/launcher=local", AUTO)
    assert second.code == 0
    assert (
        "2 to run, 2 at a time\n2 runs a GPU, as sweep 2b6d58fbe58b found "
        "(1.62 × the images a second of one; Pretend)\n" in second.out
    )
    third = run("seed=1", "hydra/launcher=local", AUTO)
    assert "a GPU" not in third.out  # there is nothing to run


def test_where_there_is_no_gpu_none_is_shared(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    typed = run("seed=0", "hydra/launcher=local", AUTO, "hydra.launcher.workers=2")
    assert typed.code == 0
    assert "There is no GPU here for runs to share (hydra.launcher.runs_per_gpu=auto)\n" in typed.out


def test_how_many_are_found_out_or_set(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    typed = run("seed=0", "hydra/launcher=local", AUTO, "hydra.launcher.workers=2")
    assert typed.code == 2
    assert typed.err == "error: hydra.launcher.workers: takes null beside runs_per_gpu=auto, got 2\n"
    assert not (tmp_path / "outputs").exists()


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("hydra.launcher.workers=0", "hydra.launcher.workers: takes a whole number >= 1, got 0"),
        ("hydra.launcher.workers=two", "hydra.launcher.workers: takes a whole number >= 1, got 'two'"),
        ("hydra.launcher.gpus=[99]", "hydra.launcher.gpus: takes indices below "),
        ("hydra.launcher.runs_per_gpu=0", "hydra.launcher.runs_per_gpu: takes a whole number >= 1 or auto, got 0"),
        (
            "hydra.launcher.runs_per_gpu=many",
            "hydra.launcher.runs_per_gpu: takes a whole number >= 1 or auto, got ",
        ),
        ("hydra.launcher.wokers=2", "hydra.launcher.wokers: no such setting"),
    ],
)
def test_wrong_settings_are_refused(run: Run, tmp_path: Path, argument: str, message: str) -> None:
    typed = run("hydra/launcher=local", argument)
    assert typed.code == 2
    assert message in typed.err
    assert typed.err.count("\n") == 1
    assert not (tmp_path / "outputs").exists()


@pytest.mark.parametrize(
    ("there", "takes"),
    [(0, "takes indices below 0 (there is no GPU here)"), (2, "takes indices below 2, such as [0]")],
)
def test_a_gpu_that_is_not_there(run: Run, monkeypatch: pytest.MonkeyPatch, there: int, takes: str) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: there)
    typed = run("hydra/launcher=local", "hydra.launcher.gpus=[0,2]")
    assert typed.err == f"error: hydra.launcher.gpus: {takes}, got [0, 2]\n"


def sweeping(folder: Path) -> subprocess.Popen[str]:
    """A sweep of four jobs on two workers, each of which takes a second or two."""
    settings = ("recipe.epochs=300", "recipe.train_limit=60", "evaluation.test_limit=50", "tracking=disabled")
    arguments = [*settings, "seed=0,1,2,3", "hydra/launcher=local", "hydra.launcher.workers=2"]
    return subprocess.Popen(
        [sys.executable, "-m", "hypo.run", "-m", *arguments],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def until_one_is_done(sweep: subprocess.Popen[str]) -> str:
    assert sweep.stdout is not None
    out = ""
    for line in sweep.stdout:
        out += line
        if " 1 of 4" in line:
            break
    return out


def statuses(folder: Path) -> list[dict]:
    """Of the runs that have begun."""
    return [found for path in (folder / "outputs" / "runs").iterdir() if (found := status(path))]


def running(folder: Path) -> list[dict]:
    return [found for found in statuses(folder) if found["state"] == "running"]


@pytest.mark.slow
def test_a_worker_that_is_killed_costs_one_job(tmp_path: Path) -> None:
    with sweeping(tmp_path) as sweep:
        until_one_is_done(sweep)
        while not (victims := [found for found in running(tmp_path) if 0 < found.get("epoch", 0) < 100]):
            time.sleep(0.01)  # until there is one that is far from its end
        os.kill(victims[0]["pid"], signal.SIGKILL)
        out, _ = sweep.communicate(timeout=120)
    assert sweep.returncode == 1
    assert out.count("failed: killed by SIGKILL") == 2  # when it happened, and under the table
    assert sorted(states(tmp_path)) == ["done"] * 3 + ["failed"]
    (failed,) = [found for found in statuses(tmp_path) if found["state"] == "failed"]
    assert (failed["reason"], failed["cause"]) == ("killed by SIGKILL", "killed")
    (entry,) = failed["attempts"]
    assert (entry["pid"], entry["outcome"], entry["cause"]) == (victims[0]["pid"], "failed", "killed")


@pytest.mark.slow
def test_ctrl_c_keeps_what_is_done(tmp_path: Path) -> None:
    with sweeping(tmp_path) as sweep:
        until_one_is_done(sweep)
        workers = [found["pid"] for found in running(tmp_path)]
        sweep.send_signal(signal.SIGINT)
        _, err = sweep.communicate(timeout=120)
    assert sweep.returncode == 130
    assert err == "interrupted; the same command goes on from here\n"
    found = states(tmp_path)
    assert len(found) == 4
    assert set(found) <= {"done", "interrupted", "queued"}
    assert found.count("done") >= 1
    for pid in workers:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
