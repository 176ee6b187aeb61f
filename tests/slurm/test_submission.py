"""A sweep on a throw-away Slurm, from the command that is typed to the table."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from slurm.cluster import Cluster
from slurm.sweeping import ON_SLURM, Sweep, assert_undisturbed, attempts, kill_worker, status

pytestmark = [pytest.mark.slurm, pytest.mark.accounting, pytest.mark.timeout(400)]

FEW = ("recipe.epochs=2", "tracking=disabled")
POISONED = ("training_data=poisoning", "training_data.attack.steps=2", "seed=0,1")
RESULTS = ("result.json", "model.safetensors", "examples.parquet")


def test_the_lambda_sweep_ends_with_the_table_of_one_process(
    sweep: Sweep, new_cluster: Callable[..., Cluster]
) -> None:
    """In two arrays, since one may have no more than eleven tasks."""
    cluster = new_cluster(max_array_size=11)
    grid = ("defense=thrm,trades", "lambda=0,1,5,...,100")
    typed = sweep.type(*FEW, *ON_SLURM, *grid, "hydra.launcher.wait=true")
    assert typed.code == 0, typed.out
    assert "  array 1: 9 jobs, 9 at a time, " in typed.out
    assert [job["task_id"] for job in cluster.jobs()].count("8") == 2
    reference = sweep.type(*FEW, *grid, "output_dir=reference")
    assert table(typed.out) == table(reference.out)
    runs = sorted((sweep.folder / "reference" / "runs").iterdir())
    assert len(runs) == 18
    for run in runs:
        for name in RESULTS:
            assert (sweep.folder / "outputs" / "runs" / run.name / name).read_bytes() == (run / name).read_bytes()
    again = sweep.type(*FEW, *ON_SLURM, *grid)
    assert "18 jobs, 18 done, 0 running, 0 queued, 0 to run\n" in again.out
    assert len(cluster.jobs()) == 18


def table(out: str) -> str:
    """What is printed at the end, up to the lines that name folders."""
    return out[out.index("digits, mlp") :].partition("Table and curve:")[0]


def test_two_launches_at_the_same_moment_train_nothing_twice(sweep: Sweep) -> None:
    command = [sys.executable, "-m", "hypo.run", "-m", *FEW, *ON_SLURM, "seed=0,1,2"]
    both = [subprocess.Popen(command, cwd=sweep.folder, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    outs = [launch.communicate(timeout=120)[0] for launch in both]
    assert [launch.returncode for launch in both] == [0, 0]
    assert sorted(out.partition("queued, ")[2].partition("\n")[0] for out in outs) == ["0 to run", "3 to run"]
    sweep.wait_until_over()
    assert sweep.job_states() == ["COMPLETED"] * 3
    assert [len(attempts(sweep.run(seed))) for seed in range(3)] == [1, 1, 1]


def test_the_same_command_submits_only_what_failed(sweep: Sweep, reference: Path) -> None:
    def the_same() -> str:
        return sweep.submit("seed=0,1", "hydra.launcher.max_attempts=1")

    the_same()
    sweep.wait_for_epoch(5, seed=1)
    assert "0 to run\n" in the_same()
    kill_worker(sweep.run(1))
    sweep.wait_until_over()
    assert [status(sweep.run(seed))["state"] for seed in (0, 1)] == ["done", "failed"]
    assert "2 jobs, 1 done, 0 running, 0 queued, 1 to run, 1 of those to run again\n" in the_same()
    sweep.wait_until_over()
    assert "2 jobs, 2 done, 0 running, 0 queued, 0 to run\n" in the_same()
    assert len(sweep.job_states()) == 3
    for seed, number in ((0, 1), (1, 2)):
        assert len(attempts(sweep.run(seed))) == number
        assert_undisturbed(sweep.run(seed), reference)


def test_job_ids_that_come_again_are_not_believed(sweep: Sweep, new_cluster: Callable[..., Cluster]) -> None:
    """What was submitted to a cluster that is gone is submitted again, whatever now runs under its id."""
    old = new_cluster(nodes=1)
    old.call("scontrol", "update", "NodeName=n1", "State=DRAIN", "Reason=test")
    sweep.type(*FEW, *ON_SLURM, "seed=0")
    assert "1 queued, 0 to run\n" in sweep.type(*FEW, *ON_SLURM, "seed=0").out
    fresh = new_cluster(nodes=1)
    fresh.call("sbatch", "--array=0-0", "--cpus-per-task=1", "-o", "/dev/null", "--wrap", "sleep 300")
    (other,) = fresh.jobs()
    fresh.wait_for(lambda: fresh.jobs()[0]["state"] == "RUNNING", 60, "the other job to run")
    assert other["array_id"] == old.jobs()[0]["array_id"]
    again = sweep.type(*FEW, *ON_SLURM, "seed=0", "hydra.launcher.wait=true")
    assert again.code == 0
    assert "1 to run\n" in again.out
    assert {job["array_id"]: job["state"] for job in fresh.jobs()} == {
        other["array_id"]: "RUNNING",
        str(int(other["array_id"]) + 1): "COMPLETED",
    }


def test_prerequisites_run_first(sweep: Sweep) -> None:
    typed = sweep.type(*FEW, *ON_SLURM, *POISONED, "hydra.launcher.wait=true")
    assert typed.code == 0, typed.out
    assert "3 to run, 1 needed by others first\n" in typed.out
    (needed,) = runs(sweep, "digits-mlp-standard-*")
    dependents = runs(sweep, "digits-poisoning-*")
    assert len(dependents) == 2
    (first,) = attempts(needed)
    for run in dependents:
        (only,) = attempts(run)
        assert only["started_at"] >= first["ended_at"]


def test_what_waits_for_a_run_that_diverges_fails_with_it(sweep: Sweep) -> None:
    typed = sweep.type(*FEW, *ON_SLURM, *POISONED, "crafter.learning_rate=1e30", "hydra.launcher.wait=true")
    assert typed.code == 1
    (needed,) = runs(sweep, "digits-mlp-standard-*")
    reason = f"needs the model of {needed.name}, which is failed: {status(needed)['reason']}"
    assert status(needed)["cause"] == "diverged"
    for run in runs(sweep, "digits-poisoning-*"):
        assert (status(run)["state"], status(run)["cause"]) == ("failed", "prerequisite failed")
        assert status(run)["reason"] == reason
    assert typed.out.count(f"failed: {reason}") >= 2
    sweep.wait_for(lambda: not sweep.cluster.call("squeue", "-h"), "the queue to be empty")


def test_runs_that_share_a_job_share_nothing_else(sweep: Sweep) -> None:
    packed = ("recipe.learning_rate=0.002,1e30", "hydra.launcher.runs_per_gpu=2", "hydra.launcher.wait=true")
    typed = sweep.type(*FEW, *ON_SLURM, *packed)
    assert typed.code == 1
    assert "array 0: 1 job (2 runs), 1 at a time" in typed.out
    assert "1 of 1  " not in typed.out
    done, failed = sorted(runs(sweep, "*"), key=lambda run: str(status(run)["state"]))
    assert status(done)["state"] == "done"
    assert (status(failed)["state"], status(failed)["cause"]) == ("failed", "diverged")
    assert status(done)["pid"] != status(failed)["pid"]
    assert "epoch 2 of 2: loss " in (done / "log.txt").read_text()
    assert "epoch 1 of 2: loss " not in (failed / "log.txt").read_text()
    assert not (failed / "result.json").exists()
    assert sweep.job_states() == ["FAILED"]


def runs(sweep: Sweep, pattern: str) -> list[Path]:
    """The run directories whose names are like that."""
    return sorted((sweep.folder / "outputs" / "runs").glob(pattern))


def test_how_many_runs_share_a_gpu_is_found_out_by_a_job_and_planned_with_from_then_on(sweep: Sweep) -> None:
    """Its GPUs are pretended, and the runs are on the CPU: whether two pay is the machine's affair."""
    packing = ("hydra.launcher.gpus_per_node=1", "hydra.launcher.cpus_per_task=2", "hydra.launcher.mem_gb=3")
    long = ("recipe.epochs=700", "tracking=disabled", "device=cpu")
    command = (*long, *ON_SLURM, *packing, "hydra.launcher.runs_per_gpu=auto", "hydra.launcher.wait=true")
    first = sweep.type(*command, "seed=0,1,2")
    assert first.code == 0, first.out
    assert "  array 0: 2 jobs (3 runs), " in first.out
    assert "  1 run a GPU to begin with " in first.out
    (kept,) = (sweep.folder / "outputs" / "packing").iterdir()
    found = json.loads(kept.read_text())
    assert found["runs_per_gpu"] in (1, 2)
    (log,) = (sweep.folder / "outputs").glob("sweeps/*/submissions/*/logs/*_0_0_log.out")
    decisions = [line for line in log.read_text().splitlines() if "images a second" in line]
    assert decisions[0].startswith("1 run a GPU: ")
    second = sweep.type(*command, "seed=0,1,2,3", "hydra.launcher.dry_run=true")
    more = "; the first job of an array tries more" if not found["is_final"] and found["runs_per_gpu"] == 1 else ""
    runs = f"{found['runs_per_gpu']} run{'s' if found['runs_per_gpu'] > 1 else ''} a GPU"
    (line,) = [line for line in second.out.splitlines() if " a GPU, as sweep " in line]
    assert line.startswith(f"  {runs}, as sweep {found['sweep']} found")
    assert line.endswith(more)
