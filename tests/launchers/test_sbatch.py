"""What sbatch is told: the script, how a sweep is cut into arrays, and how many jobs may run at a time."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from fake_slurm import FakeSlurm, option, options
from hypothesis import given
from hypothesis import strategies as st

from launchers.slurm import sbatch
from launchers.slurm.settings import read
from launchers.watching.cluster import SlurmError


def script(settings: Mapping[str, Any], **more: Any) -> str:
    """The script of an array of three tasks under these settings."""
    read_settings = read(settings)
    about = {
        "name": "hypo-1-0",
        "tasks": 3,
        "parallel": 2,
        "dependency": "",
        "search_path": [],
        "max_attempts": 10,
        **more,
    }
    parameters = sbatch.parameters(read_settings.resources, read_settings.additional, **about)
    folder = Path("/somewhere/submissions/1")
    return sbatch.script(folder / "logs", sbatch.command(read_settings.resources, folder, 0), parameters)


@pytest.mark.parametrize(
    ("settings", "name", "value"),
    [
        ({"timeout_min": 90}, "time", "90"),
        ({"cpus_per_task": 8}, "cpus-per-task", "8"),
        ({"gpus_per_node": 2}, "gpus-per-node", "2"),
        ({"mem_gb": 16}, "mem", "16GB"),
        ({"mem_gb": 1.5}, "mem", "1536MB"),
        ({}, "nodes", "1"),
        ({}, "ntasks-per-node", "1"),
        ({"partition": "gpu"}, "partition", "gpu"),
        ({"qos": "short"}, "qos", "short"),
        ({"comment": "for the paper"}, "comment", "'for the paper'"),
        ({"constraint": "a100|h100"}, "constraint", "'a100|h100'"),
        ({"exclude": "n[1-3]"}, "exclude", "'n[1-3]'"),
        ({"nodelist": "n4"}, "nodelist", "n4"),
        ({"gres": "gpu:a100:2"}, "gres", "gpu:a100:2"),
        ({"gpus_per_task": 1, "cpus_per_gpu": 6}, "cpus-per-gpu", "6"),
        ({"gpus_per_task": 1}, "gpus-per-task", "1"),
        ({"mem_per_gpu": "20GB"}, "mem-per-gpu", "20GB"),
        ({"mem_per_cpu": "4GB"}, "mem-per-cpu", "4GB"),
        ({"account": "robustness"}, "account", "robustness"),
        ({"signal_delay_s": 120}, "signal", "USR2@120"),
        ({"mail_user": "me@example.org"}, "mail-user", "me@example.org"),
        ({"mail_type": "END,FAIL"}, "mail-type", "END,FAIL"),
        ({"additional_parameters": {"reservation": "deadline"}}, "reservation", "deadline"),
        ({"additional_parameters": {"exclusive": True}}, "exclusive", ""),
        ({}, "requeue", ""),
        ({}, "job-name", "hypo-1-0"),
        ({}, "array", "0-2%2"),
        ({}, "open-mode", "append"),
        ({}, "output", "/somewhere/submissions/1/logs/%A_%a_0_log.out"),
        ({"stderr_to_stdout": False}, "error", "/somewhere/submissions/1/logs/%A_%a_0_log.err"),
    ],
)
def test_sbatch_is_told_what_was_set(settings: Mapping[str, Any], name: str, value: str) -> None:
    assert option(script(settings), name) == value


def test_what_was_not_set_is_left_to_the_cluster() -> None:
    assert options(script({"gpus_per_node": 0})).keys() == {
        "array",
        "job-name",
        "nodes",
        "ntasks-per-node",
        "open-mode",
        "output",
        "requeue",
        "signal",
        "time",
        "wckey",
    }


def test_setup_runs_before_the_interpreter_that_was_set() -> None:
    text = script(
        {
            "setup": ["module load cuda", "source 'my env/bin/activate'"],
            "python": "singularity exec image.sif python3",
            "srun_args": ["--cpu-bind=none"],
        },
        search_path=["/a checkout", "/a checkout/launchers"],
    )
    lines = text.splitlines()
    first = lines.index("module load cuda")
    assert lines[first + 1] == "source 'my env/bin/activate'"
    assert lines[first + 2] == ("export PYTHONPATH='/a checkout:/a checkout/launchers'${PYTHONPATH:+:$PYTHONPATH}")
    (command,) = (line for line in lines if line.startswith("srun "))
    assert lines.index(command) > first + 2
    words = shlex.split(command)
    assert words[: words.index("-u")][-5:] == ["--cpu-bind=none", "singularity", "exec", "image.sif", "python3"]
    assert words[-4:] == ["/somewhere/submissions/1", "0", "60", "90"]


@pytest.mark.parametrize(
    ("ours", "set_by_the_user", "both"),
    [
        ("afterok:7_1", {}, "afterok:7_1"),
        ("", {"dependency": "afterany:5"}, "afterany:5"),
        ("afterok:7_1", {"dependency": "afterany:5"}, "afterok:7_1,afterany:5"),
    ],
)
def test_an_array_that_waits_in_vain_leaves_the_queue(
    ours: str, set_by_the_user: Mapping[str, str], both: str
) -> None:
    text = script({"additional_parameters": set_by_the_user}, dependency=ours)
    assert option(text, "dependency") == both
    assert option(text, "kill-on-invalid-dep") == "yes"


def test_a_killed_job_is_begun_once_more_than_its_runs_to_note_that_they_are_given_up() -> None:
    assert "-ge 10 ] || scontrol requeue" in script({}, max_attempts=10)
    assert "-ge 1 ] || scontrol requeue" in script({}, max_attempts=1)


@given(count=st.integers(1, 5000), at_most=st.integers(1, 1200))
def test_chunks_cover_everything_once_within_the_limit(count: int, at_most: int) -> None:
    ranges = sbatch.chunks(count, at_most)
    assert [index for part in ranges for index in part] == list(range(count))
    assert all(0 < len(part) <= at_most for part in ranges)
    assert len(ranges) == -(-count // at_most)


@given(parallel=st.integers(1, 400), arrays=st.integers(1, 300))
def test_what_runs_at_once_is_never_more_than_was_allowed(parallel: int, arrays: int) -> None:
    limits = sbatch.shares(parallel, arrays)
    chains: dict[int, list[int]] = {}
    for number, (share, behind) in enumerate(limits):
        assert share >= 1
        if behind is None:
            chains[number] = [share]
        else:
            # Behind the last one of a chain, so that of each chain one array runs at a time.
            assert behind in chains
            chains[number] = [*chains.pop(behind), share]
    assert len(limits) == arrays
    assert sum(max(chain) for chain in chains.values()) <= parallel


@given(parallel=st.integers(1, 400), arrays=st.integers(1, 300))
def test_nothing_of_what_was_allowed_lies_idle_from_the_start(parallel: int, arrays: int) -> None:
    assert sum(share for share, behind in sbatch.shares(parallel, arrays) if behind is None) == parallel


def test_an_array_is_submitted_and_its_id_known(slurm: FakeSlurm, tmp_path: Path) -> None:
    logs = tmp_path / "new" / "logs"
    assert sbatch.submit(logs, "true", {"job_name": "one", "map_count": 2}) == "100"
    assert sbatch.submit(logs, "true", {"job_name": "two", "map_count": 2}) == "101"
    assert [option(text, "job-name") for text in slurm.scripts] == ["one", "two"]
    assert sorted(path.name for path in logs.glob("[!.]*")) == ["100_submission.sh", "101_submission.sh"]


def test_what_sbatch_complains_of_is_said_in_one_line(
    slurm: FakeSlurm, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    slurm.refuse("sbatch: error: Invalid account\nsbatch: error: Batch job submission failed: Unspecified error\n")
    with pytest.raises(SlurmError) as error:
        sbatch.submit(tmp_path, "true", {"job_name": "one", "map_count": 2})
    assert str(error.value) == "sbatch: Invalid account; Batch job submission failed: Unspecified error"
    assert capfd.readouterr() == ("", "")
