"""The throw-away Slurm does what tests of a launcher rely on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from slurm.cluster import Cluster
from slurm.daemons import processes_of

pytestmark = pytest.mark.slurm


def submit(cluster: Cluster, *options: str, script: str = "sleep 300") -> str:
    """Submit a shell script; returns the job's id."""
    return cluster.call("sbatch", "--parsable", "-o", "/dev/null", *options, "--wrap", script).strip()


def jobs(cluster: Cluster, array_id: str) -> list[dict[str, str]]:
    return [job for job in cluster.jobs() if job["array_id"] == array_id]


def states(cluster: Cluster, array_id: str) -> list[str]:
    return [job["state"] for job in jobs(cluster, array_id)]


def restarts(cluster: Cluster, job_id: str) -> int:
    shown = cluster.call("scontrol", "show", "job", job_id)
    return int(shown.split("Restarts=")[1].split()[0])


def test_an_array_runs_on_both_nodes(cluster: Cluster) -> None:
    array = submit(cluster, "--array=0-3", "--gpus=1", "--job-name=a|b")
    cluster.wait_for(lambda: states(cluster, array) == ["RUNNING"] * 4, 30, "the array to run")
    assert {job["node"] for job in jobs(cluster, array)} == {"n1", "n2"}
    assert sorted(job["task_id"] for job in jobs(cluster, array)) == ["0", "1", "2", "3"]
    assert {job["name"] for job in jobs(cluster, array)} == {"a|b"}


def test_a_job_is_given_pretend_gpus_and_knows_its_cluster(cluster: Cluster, tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    job = submit(cluster, "--gpus=2", script=f"echo $CUDA_VISIBLE_DEVICES $SLURM_CONF > {seen}")
    cluster.wait_for(lambda: states(cluster, job) == ["COMPLETED"], 30, "the job to end")
    assert seen.read_text().split() == ["0,1", cluster.environment["SLURM_CONF"]]


def test_requeued_array_tasks_need_not_wait(cluster: Cluster) -> None:
    array = submit(cluster, "--array=0-1")
    cluster.wait_for(lambda: states(cluster, array) == ["RUNNING"] * 2, 30, "the array to run")
    cluster.call("scontrol", "requeue", array)
    cluster.wait_for(lambda: states(cluster, array) == ["PENDING"] * 2, 30, "the array to be requeued")

    def run_again() -> bool:
        cluster.start_now()
        return states(cluster, array) == ["RUNNING"] * 2

    cluster.wait_for(run_again, 30, "the array to run again")
    assert [restarts(cluster, job["id"]) for job in jobs(cluster, array)] == [1, 1]


def test_the_job_of_a_dead_node_is_requeued(cluster: Cluster) -> None:
    job = submit(cluster, "--nodelist=n1", "--cpus-per-task=2")
    # The controller calls it running before the node has begun it.
    cluster.wait_for(lambda: bool(processes_of(cluster.folder, only_jobs=True)), 30, "the job to run")
    cluster.kill_node("n1")
    cluster.wait_for(lambda: cluster.node_states()["n1"].startswith("down"), 60, "the node to be down")
    cluster.wait_for(lambda: states(cluster, job) == ["PENDING"], 30, "the job to be requeued")
    assert processes_of(cluster.folder, only_jobs=True)  # nobody could tell it
    cluster.start_node("n1")
    cluster.start_now()
    cluster.wait_for(lambda: states(cluster, job) == ["RUNNING"], 60, "the job to run again")
    assert restarts(cluster, job) == 1
    cluster.restore()
    assert not processes_of(cluster.folder, only_jobs=True)


def test_a_restarted_controller_knows_its_queue(cluster: Cluster) -> None:
    running = submit(cluster, "--exclusive", "--nodes=2")
    waiting = submit(cluster, "--exclusive", "--nodes=2")
    cluster.wait_for(lambda: states(cluster, running) == ["RUNNING"], 30, "the job to run")
    cluster.kill_controller()
    with pytest.raises(RuntimeError, match="squeue"):
        cluster.jobs()
    cluster.start_controller()
    assert states(cluster, running) == ["RUNNING"]
    assert states(cluster, waiting) == ["PENDING"]


def test_an_urgent_job_requeues_another(cluster: Cluster) -> None:
    job = submit(cluster, "--exclusive", "--nodes=2")
    cluster.wait_for(lambda: states(cluster, job) == ["RUNNING"], 30, "the job to run")
    urgent = submit(cluster, "--exclusive", "--nodes=2", "--partition=urgent")
    cluster.wait_for(lambda: states(cluster, urgent) == ["RUNNING"], 60, "the urgent job to run")
    assert states(cluster, job) == ["PENDING"]


def test_whatever_was_done_to_a_cluster_it_can_be_restored(new_cluster: Callable[..., Cluster]) -> None:
    cluster = new_cluster()
    submit(cluster, "--array=0-9", script="trap '' TERM; while true; do sleep 1; done")
    cluster.wait_for(lambda: "RUNNING" in [job["state"] for job in cluster.jobs()], 30, "jobs to run")
    cluster.kill_node("n1")
    cluster.call("scontrol", "update", "NodeName=n2", "State=DRAIN", "Reason=test")
    cluster.kill_controller()
    cluster.restore()
    assert cluster.node_states() == {"n1": "idle", "n2": "idle"}
    assert not cluster.call("squeue", "-h")


def test_clusters_run_side_by_side_and_leave_nothing(new_cluster: Callable[..., Cluster], tmp_path: Path) -> None:
    one = new_cluster(nodes=1, max_array_size=11)
    with Cluster(tmp_path, nodes=3, cpus=1) as other:
        assert (len(one.node_states()), len(other.node_states())) == (1, 3)
        assert "MaxArraySize            = 11\n" in one.call("scontrol", "show", "config")
        job = submit(other)
        other.wait_for(lambda: states(other, job) == ["RUNNING"], 30, "the job to run")
        other.kill_node(jobs(other, job)[0]["node"])  # leaves the job behind
        assert processes_of(tmp_path)
        assert os.environ["SLURM_CONF"] == one.environment["SLURM_CONF"]
    assert not processes_of(tmp_path)
    assert one.jobs() == []


def test_nothing_outlives_a_killed_test_process(slurm_is_here: None, tmp_path: Path) -> None:
    program = (
        "import sys, time; from pathlib import Path; from slurm.cluster import Cluster\n"
        "with Cluster(Path(sys.argv[1])) as cluster:\n"
        "    cluster.call('sbatch', '-o', '/dev/null', '--wrap', 'sleep 300')\n"
        "    print('ready', flush=True)\n"
        "    time.sleep(300)\n"
    )
    tests = str(Path(__file__).parents[1])
    with subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": tests},
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        assert processes_of(tmp_path)
        process.send_signal(signal.SIGKILL)
    Cluster(tmp_path).wait_for(lambda: not processes_of(tmp_path), 30, "the cluster to be gone")


def test_a_wait_in_vain_tells_what_the_cluster_was_doing(cluster: Cluster) -> None:
    job = submit(cluster, "--hold", "--job-name=patient")
    with pytest.raises(TimeoutError, match="waited 1 s for the impossible") as error:
        cluster.wait_for(lambda: False, 1, "the impossible")
    assert job in str(error.value)
    assert "patient" in str(error.value)
    assert "== slurmctld.log" in str(error.value)


def test_no_other_cluster_is_seen(new_cluster: Callable[..., Cluster], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SBATCH_PARTITION", "of-another-cluster")
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    cluster = new_cluster(nodes=1)
    assert not {"SLURM_JOB_ID", "SBATCH_PARTITION"} & set(os.environ)
    monkeypatch.setenv("SBATCH_PARTITION", "of-another-cluster")
    job = submit(cluster, script="true")
    cluster.wait_for(lambda: states(cluster, job) == ["COMPLETED"], 30, "the job to end")


@pytest.mark.accounting
def test_accounting_knows_a_finished_job(cluster: Cluster) -> None:
    if not cluster.accounting:
        pytest.skip("HYPO_TEST_SLURM_ACCOUNTING=1 is not set")
    job = submit(cluster, script="exit 3")
    shown = ("sacct", "-n", "-X", "-P", "-o", "JobID,State,ExitCode", "-j", job)
    cluster.wait_for(lambda: cluster.call(*shown) == f"{job}|FAILED|3:0\n", 60, "sacct to know the job")
