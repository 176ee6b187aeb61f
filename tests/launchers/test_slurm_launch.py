"""`hydra/launcher=slurm` up to the moment when Slurm has the jobs, on a Slurm that does nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from fake_slurm import FakeSlurm, option
from slurm_launch import Launch

from launchers.slurm import snapshot


def test_the_lambda_sweep_is_one_array(slurm: FakeSlurm, launch: Launch) -> None:
    typed = launch("defense=thrm,trades", "lambda=0,1,5,...,100")
    assert typed.code == 0
    assert typed.err == ""
    (script,) = slurm.scripts
    assert option(script, "array") == "0-17%18"
    first, *lines = typed.out.splitlines()
    (sweep,) = Path("outputs/sweeps").glob("[!.]*")
    assert first == f"Sweep {sweep.name}: 18 jobs, 0 done, 0 running, 0 queued, 18 to run"
    assert lines == [
        "  array 0: 18 jobs, 18 at a time, each 1 GPU, 4 CPUs, 16 GB, 240 min",
        "  Cost: unknown, there is no earlier run of this kind",
        "  array 0 is job 100",
        f"Watch:  python -m launchers.status {sweep} --watch",
        f"Table:  python -m analysis tables {sweep}",
    ]
    assert not list(Path("outputs/runs").iterdir())


def test_what_was_submitted_is_on_record_with_every_config(slurm: FakeSlurm, launch: Launch) -> None:
    launch("seed=0,1,2", "hydra.launcher.max_attempts=3", "hydra.launcher.runs_per_gpu=2")
    folder, record = launch.submission
    (array,) = record["arrays"]
    assert (array["job"], array["name"]) == ("100", option(slurm.scripts[0], "job-name"))
    assert (record["max_attempts"], record["max_num_timeout"]) == (3, None)
    assert array["tasks"] == [launch.names[:2], launch.names[2:]]
    tasks = [json.loads(line) for line in (folder / "0.jsonl").read_text().splitlines()]
    assert [[run["record"]["config"]["seed"] for run in task] for task in tasks] == [[0, 1], [2]]
    assert {run["runs"] for task in tasks for run in task} == {str(Path("outputs/runs").resolve())}


def test_settings_on_the_command_line_reach_sbatch(slurm: FakeSlurm, launch: Launch) -> None:
    settings = {
        "partition": "gpu",
        "qos": "long",
        "name": "table10",
        "timeout_min": 90,
        "setup": "[module load cuda]",
    }
    more = ["hydra.launcher.additional_parameters={reservation: deadline}", "hydra.launcher.mem_gb=null"]
    typed = launch(*(f"hydra.launcher.{name}={value}" for name, value in settings.items()), *more)
    assert typed.code == 0
    (script,) = slurm.scripts
    assert [option(script, name) for name in ("partition", "qos", "time", "reservation")] == [
        "gpu",
        "long",
        "90",
        "deadline",
    ]
    assert option(script, "job-name").startswith("table10-")
    assert "module load cuda" in script.splitlines()
    assert "--mem=" not in script


def test_no_two_arrays_have_the_same_name(slurm: FakeSlurm, launch: Launch) -> None:
    launch("seed=0,1")
    launch("seed=2,3")
    slurm.configure(max_array_size=1)
    launch("seed=4,5")
    assert len({option(script, "job-name") for script in slurm.scripts}) == 4


@pytest.mark.parametrize("argument", ["hydra.launcher.foo=1", "+hydra.launcher.foo=1"])
def test_an_unknown_setting_is_told_the_known_ones(launch: Launch, argument: str) -> None:
    typed = launch("seed=0,1", argument)
    assert typed.code == 2
    assert typed.err.startswith("error: hydra.launcher.foo: no such setting; ")
    assert typed.err.count("\n") == 1
    for known in ("array_parallelism", "mem_gb", "rules", "snapshot", "submitit_folder", "timeout_min"):
        assert f" {known}, " in typed.err or f" {known}\n" in typed.err
    assert not launch.files


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("hydra.launcher.timeout_min=soon", "hydra.launcher.timeout_min: takes a whole number, got 'soon'"),
        ("hydra.launcher.nodes=2", "hydra.launcher.nodes: takes 1, a run is one process; got 2"),
        ("hydra.launcher.additional_parameters=3", "hydra.launcher.additional_parameters: takes a mapping"),
        (
            "hydra.launcher.rules=[{when: {arch: mlp}, memory: 3}]",
            "hydra.launcher.rules[0]: takes one of account, ",
        ),
        ("hydra/launcher=sluurm", "hydra/launcher: takes one of "),
    ],
)
def test_a_wrong_setting_is_refused_before_anything_is_written(
    slurm: FakeSlurm, launch: Launch, argument: str, message: str
) -> None:
    typed = launch("seed=0,1", argument)
    assert typed.code == 2
    assert typed.err.startswith(f"error: {message}")
    assert typed.err.count("\n") == 1
    assert not launch.files
    assert slurm.scripts == []


def test_without_slurm_there_is_one_line(launch: Launch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    typed = launch("seed=0,1")
    assert typed.code == 2
    assert typed.err == "error: hydra/launcher=slurm: there is no scontrol on this machine\n"


def test_a_dry_run_needs_no_slurm_and_writes_nothing(
    launch: Launch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    typed = launch("seed=0,1,2", "hydra.launcher.dry_run=true", "hydra.launcher.partition=gpu")
    assert typed.code == 0
    assert typed.err == ""
    assert "3 jobs, 0 done, 0 running, 0 queued, 3 to run" in typed.out
    assert "  Cost: unknown" in typed.out
    assert "#SBATCH --array=0-2%3" in typed.out.splitlines()
    assert "#SBATCH --partition=gpu" in typed.out.splitlines()
    assert typed.out.endswith("Nothing was submitted (hydra.launcher.dry_run=true).\n")
    assert not list(Path().iterdir())


def test_a_dry_run_shows_what_would_be_submitted(slurm: FakeSlurm, launch: Launch) -> None:
    slurm.configure(max_array_size=2)
    shown = launch("training_data=poisoning", "seed=0,1,2", "hydra.launcher.dry_run=true")
    assert slurm.scripts == []
    assert not list(Path().iterdir())
    launch("training_data=poisoning", "seed=0,1,2")
    assert len(slurm.scripts) == 3
    for number, script in enumerate(slurm.scripts):
        assert f"# array {number}" in shown.out.splitlines()
        assert f"#SBATCH --array={option(script, 'array')}" in shown.out.splitlines()
    assert "--dependency='afterok:<job of digits-mlp-standard-linf0.1-s0>,afterany:<array 0>'" in shown.out


def count_files(slurm: FakeSlurm, launch: Launch, cells: int, max_array_size: int) -> int:
    """How many there are when so many cells were submitted into a folder of their own."""
    slurm.configure(max_array_size)
    before, submitted = len(launch.files), len(slurm.scripts)
    typed = launch(f"seed=range({cells})", f"output_dir=outputs-{cells}-{max_array_size}")
    assert f"{cells} jobs, 0 done" in typed.out
    assert len(slurm.scripts) - submitted == -(-cells // max_array_size)
    return len(launch.files) - before


def test_the_number_of_files_grows_with_the_arrays_and_not_with_the_cells(
    slurm: FakeSlurm, launch: Launch
) -> None:
    assert count_files(slurm, launch, 110, 1001) == count_files(slurm, launch, 3, 1001)
    few, more, many = (count_files(slurm, launch, arrays * 11, 11) for arrays in (1, 2, 20))
    assert many == few + 19 * (more - few)
    assert few < 11


def test_prerequisites_are_submitted_once_before_what_needs_them(slurm: FakeSlurm, launch: Launch) -> None:
    typed = launch("training_data=poisoning", "defense=standard,thrm", "seed=0,1,2")
    assert typed.code == 0
    assert "7 jobs, 0 done, 0 running, 0 queued, 7 to run, 1 needed by others first" in typed.out
    first, second = slurm.scripts
    assert option(first, "array") == "0-0%1"
    assert "dependency" not in first
    assert option(second, "array") == "0-5%6"
    assert option(second, "dependency") == "afterok:100_0,afterany:100"
    assert option(second, "kill-on-invalid-dep") == "yes"
    assert launch.submission[1]["arrays"][1]["needs"] == launch.names[:1]


def test_a_folder_for_every_job_becomes_one_for_every_submission(
    slurm: FakeSlurm, launch: Launch, tmp_path: Path
) -> None:
    launch("seed=0,1", f"hydra.launcher.submitit_folder='{tmp_path}/logs/%j'")
    folder, record = launch.submission
    logs = tmp_path / "logs" / folder.name
    assert record["logs"] == str(logs)
    assert option(slurm.scripts[0], "output") == f"{logs}/%A_%a_0_log.out"
    assert (logs / "100_submission.sh").exists()


def test_jobs_run_the_checkout_or_a_copy_of_it(
    slurm: FakeSlurm, launch: Launch, monkeypatch: pytest.MonkeyPatch
) -> None:
    launch("seed=0")
    checkout = Path(__file__).parents[2]
    assert f"export PYTHONPATH={checkout}:{checkout}/launchers" in slurm.scripts[0]
    monkeypatch.setattr(snapshot, "take", lambda destination, output: [str(destination)])
    launch("seed=1", "hydra.launcher.snapshot=true")
    (folder,) = (
        path.parent
        for path in Path.cwd().glob("outputs/sweeps/*/submissions/*/0.jsonl")
        if "-s1-" in path.read_text()
    )
    assert f"export PYTHONPATH={folder}/code" in slurm.scripts[1]
