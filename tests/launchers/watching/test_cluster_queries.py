"""What Slurm is asked, and what is made of its answers."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from fake_slurm import FakeSlurm

from launchers.watching import cluster
from launchers.watching.cluster import ClusterJob, SlurmError

SINCE = "2026-01-02T03:04:05+01:00"


def test_every_task_of_an_array_is_found_by_its_name(slurm: FakeSlurm) -> None:
    (slurm.folder / "squeue").write_text(
        "mine|101|100|0|RUNNING|None|n1\n"
        "mine|100|100|1|PENDING|(Resources)|\n"
        "mine-too|105|105|0|FAILED|NonZeroExitCode|n2\n"
        "other|100|100|0|RUNNING|None|n1\n"
    )
    assert cluster.jobs(["mine", "mine-too"], SINCE) == {
        ("mine", 0): ClusterJob("100_0", "101", "RUNNING", "None", "n1"),
        ("mine", 1): ClusterJob("100_1", "100", "PENDING", "(Resources)", ""),
        ("mine-too", 0): ClusterJob("105_0", "105", "FAILED", "NonZeroExitCode", "n2"),
    }


def test_a_job_outside_an_array_is_none_of_ours(slurm: FakeSlurm) -> None:
    (slurm.folder / "squeue").write_text("mine|101|101|N/A|RUNNING|None|n1\n")
    assert cluster.jobs(["mine"], SINCE) == {}


def test_slurm_is_not_asked_about_nothing(slurm: FakeSlurm) -> None:
    assert cluster.jobs([], SINCE) == {}
    assert slurm.calls == []


def test_accounting_knows_what_the_queue_has_forgotten_and_the_queue_knows_better(slurm: FakeSlurm) -> None:
    slurm.configure(accounting="accounting_storage/slurmdbd")
    (slurm.folder / "sacct").write_text(
        "mine|100_0|101|CANCELLED by 0|n1\n"
        "mine|100_1|102|NODE_FAIL|n2\n"
        "mine|100_[2-5%2]|100|PENDING|None assigned\n"
    )
    (slurm.folder / "squeue").write_text("mine|102|100|1|PENDING|BeginTime|\n")
    assert cluster.jobs(["mine"], SINCE) == {
        ("mine", 0): ClusterJob("100_0", "101", "CANCELLED", "", "n1"),
        ("mine", 1): ClusterJob("100_1", "102", "PENDING", "BeginTime", ""),
    }
    asked, _ = slurm.calls
    assert "-S 2026-01-02T03:04:05 " in f"{asked} "


def test_without_accounting_sacct_is_not_asked(slurm: FakeSlurm) -> None:
    cluster.jobs(["mine"], SINCE)
    assert [call.split()[0] for call in slurm.calls] == ["squeue"]


@pytest.mark.parametrize("said", ["accounting_storage/none", "(null)", ""])
def test_there_is_accounting_only_where_something_stores_it(slurm: FakeSlurm, said: str) -> None:
    slurm.configure(accounting=said)
    assert not cluster.has_accounting()


def test_the_limit_of_arrays_is_the_clusters(slurm: FakeSlurm) -> None:
    slurm.configure(max_array_size=11)
    assert cluster.max_array_size() == 11
    slurm.configure(max_array_size=0)
    with pytest.raises(SlurmError, match=r"^this cluster takes no job arrays \(its MaxArraySize is 0\)$"):
        cluster.max_array_size()


@pytest.mark.parametrize(
    ("state", "active"),
    [
        ("PENDING", True),
        ("COMPLETING", True),
        ("REQUEUE_HOLD", True),
        ("COMPLETED", False),
        ("OUT_OF_MEMORY", False),
    ],
)
def test_a_job_is_active_while_it_may_still_write(state: str, active: bool) -> None:
    assert ClusterJob("1_0", "1", state, "", "").is_active is active


def test_a_refusal_is_one_line_in_the_words_of_slurm(slurm: FakeSlurm) -> None:
    slurm.fail("squeue", "squeue: error: Unable to contact slurm controller (connect failure)\n")
    with pytest.raises(SlurmError, match=r"^squeue: Unable to contact slurm controller \(connect failure\)$"):
        cluster.jobs(["mine"], SINCE)


@pytest.mark.parametrize(
    ("said", "line"),
    [
        ("", "failed without a word"),
        ("sbatch: error: one\nsbatch: error: two\n", "one; two"),
        ("sbatch: fatal: three\n", "three"),
        ("  plain  \n", "plain"),
    ],
)
def test_complaints_lose_the_name_of_who_complains(said: str, line: str) -> None:
    assert cluster.one_line(said) == line


def test_a_command_that_is_not_there_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SlurmError, match=r"^there is no scontrol on this machine$"):
        cluster.max_array_size()


def test_a_command_that_does_not_answer_is_given_up(slurm: FakeSlurm, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "_PATIENCE", 0.2)
    (slurm.bin / "squeue").write_text("#!/bin/sh\nexec sleep 60\n")
    with pytest.raises(SlurmError, match=re.escape("squeue did not answer in 0.2 s")):
        cluster.jobs(["mine"], SINCE)
