"""Daemons of a throw-away cluster: started out of reach of Ctrl-C, and none outlives the test process.

Everything that belongs to a cluster carries its SLURM_CONF in its environment: the daemons because they are
started so, the job steps because they inherit it. So all of it can be found and killed, also what a daemon that
is long dead had started. A guard process does this when the test process ends without having done it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

# Job steps inherit this from slurmd. Without it, a test's own child processes would be taken for the cluster's:
# they too see SLURM_CONF.
MARK = "HYPO_TEST_SLURM_DAEMON=1"

# What the commands and a running job of some other cluster read or leave in the environment.
VARIABLES_OF_SLURM = ("SLURM_", "SBATCH_", "SQUEUE_", "SACCT_", "SCANCEL_", "SINFO_", "SRUN_", "SALLOC_")


def configuration_of(folder: Path) -> Path:
    """The slurm.conf of the cluster in `folder`."""
    return folder / "slurm.conf"


def start(command: list[str], folder: Path, log: str) -> subprocess.Popen[bytes]:
    """Start a daemon that does not fork, in a session of its own; all it says is added to `folder`/`log`.log."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(VARIABLES_OF_SLURM)}
    environment["SLURM_CONF"] = str(configuration_of(folder))
    environment.update([MARK.split("=")])
    with (folder / f"{log}.log").open("ab") as output:
        return subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def start_guard(folder: Path) -> subprocess.Popen[bytes]:
    """Start a process that kills the cluster in `folder` as soon as its standard input closes.

    The system closes it when this process dies, however it dies.
    """
    isolated = "-I"  # or the files beside this one would come before the standard library's
    command = [sys.executable, isolated, __file__, str(folder)]
    return subprocess.Popen(command, cwd="/", stdin=subprocess.PIPE, start_new_session=True)


def processes_of(folder: Path, only_jobs: bool = False) -> list[int]:
    """Ids of the living processes of the cluster in `folder`: of its jobs, and of the daemons and job steps."""
    setting = f"SLURM_CONF={configuration_of(folder)}"
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            variables = (process / "environ").read_bytes().decode(errors="replace").split("\0")
        except OSError:  # ended in between
            continue
        of_job = any(variable.startswith("SLURM_JOB_ID=") for variable in variables)
        if setting in variables and (of_job or (MARK in variables and not only_jobs)):
            found.append(int(process.name))
    return found


def kill_all(folder: Path, only_jobs: bool = False) -> None:
    """Kill the cluster in `folder` outright, or only its jobs, over and over until nothing is left.

    Nothing in a throw-away cluster is worth an orderly end. Raises RuntimeError if something does not die.
    """
    give_up = time.monotonic() + 20
    while processes := processes_of(folder, only_jobs):
        if time.monotonic() > give_up:
            raise RuntimeError(f"processes {processes} of the cluster in {folder} cannot be killed")
        for process in processes:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        time.sleep(0.05)


if __name__ == "__main__":  # the guard
    sys.stdin.read()
    kill_all(Path(sys.argv[1]))
