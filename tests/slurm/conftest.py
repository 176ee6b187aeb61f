"""Clusters for tests: one that the tests of a worker share, cleaned after each, and others made to order.

With HYPO_TEST_SLURM_ACCOUNTING=1 in the environment they have accounting, so that `sacct` works.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from slurm import accounting
from slurm import cluster as a_cluster
from slurm.cluster import Cluster
from slurm.daemons import VARIABLES_OF_SLURM
from slurm.sweeping import SMALL, Sweep
from typed_command import typed

WITH_ACCOUNTING = os.environ.get("HYPO_TEST_SLURM_ACCOUNTING") == "1"


def talk_to(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this process, and all that it starts, know this cluster and no other."""
    for name in list(os.environ):
        if name.startswith(VARIABLES_OF_SLURM):
            monkeypatch.delenv(name)
    for name, value in cluster.environment.items():
        monkeypatch.setenv(name, value)


@pytest.fixture(scope="session")
def slurm_is_here() -> None:
    """Skip what cannot run on this machine, and say why."""
    if os.geteuid() != 0:
        pytest.skip("a throw-away Slurm needs root")
    tools = a_cluster.TOOLS + (accounting.TOOLS if WITH_ACCOUNTING else ())
    if missing := [tool for tool in tools if shutil.which(tool) is None]:
        pytest.skip(f"not installed: {', '.join(missing)}")


@pytest.fixture(scope="session")
def session_cluster(slurm_is_here: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with Cluster(tmp_path_factory.mktemp("slurm"), accounting=WITH_ACCOUNTING) as cluster:
        yield cluster


@pytest.fixture
def cluster(session_cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    """Two idle nodes of two processors, 4000 MB and two pretend GPUs. Do with them what you like."""
    talk_to(session_cluster, monkeypatch)
    yield session_cluster
    session_cluster.restore()


@pytest.fixture
def new_cluster(
    slurm_is_here: None, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Cluster]]:
    """Starts another cluster, with the parameters of `Cluster`; this process then talks to the latest."""
    with ExitStack() as clusters:

        def start(**parameters: int) -> Cluster:
            made = Cluster(tmp_path_factory.mktemp("slurm"), **{"accounting": WITH_ACCOUNTING, **parameters})
            clusters.enter_context(made)
            talk_to(made, monkeypatch)
            return made

        yield start


@pytest.fixture
def sweep(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Sweep:
    """A sweep to be submitted to the shared cluster from an empty folder, which is the current one."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # or results would not be equal bit by bit
    return Sweep(cluster, tmp_path, lambda *arguments: typed(monkeypatch, capsys, "-m", *arguments))


@pytest.fixture(scope="session")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run directories of small runs with seeds 0 and 1 that nothing happened to."""
    folder = tmp_path_factory.mktemp("reference")
    subprocess.run(
        [sys.executable, "-m", "hypo.run", "-m", *SMALL, "seed=0,1"],
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
        check=True,
    )
    return folder / "outputs" / "runs"
