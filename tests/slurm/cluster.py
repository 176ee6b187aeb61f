"""A Slurm of our own on this machine, for tests: real daemons, two partitions, pretend GPUs, thrown away after."""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from socket import socket
from types import TracebackType

from slurm import accounting, configuration, daemons, ports

TOOLS = ("munged", "slurmctld", "slurmd", "scontrol")
COLUMNS = {
    "id": "%A",
    "array_id": "%F",
    "task_id": "%K",
    "state": "%T",
    "reason": "%r",
    "node": "%N",
    "start": "%S",
}


@dataclass
class Cluster:
    """A context manager that starts a cluster in an empty `folder`, and leaves nothing of it running.

    Every node is this machine, believed to have `cpus` processors, `memory_mb` MB and two GPUs. Partition `main`
    is the default; jobs of `urgent` push those of `main` back into the queue. Needs root. Several clusters can
    run at a time: ports, key and sockets are each one's own.
    """

    folder: Path
    nodes: int = 2
    cpus: int = 2
    memory_mb: int = 4000
    max_array_size: int = 1001
    accounting: bool = False
    _daemons: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict, init=False)
    _claim: socket | None = field(default=None, init=False)

    @property
    def environment(self) -> dict[str, str]:
        """What a process must have in its environment to talk to this cluster."""
        return {"SLURM_CONF": str(daemons.configuration_of(self.folder))}

    @property
    def node_names(self) -> list[str]:
        return [f"n{number}" for number in range(1, self.nodes + 1)]

    def __enter__(self) -> Cluster:
        try:
            self._start()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def call(self, *command: str) -> str:
        """What a Slurm command prints. Raises RuntimeError, with its complaint, when it fails."""
        foreign = daemons.VARIABLES_OF_SLURM
        environment = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
        done = subprocess.run(
            command, env=environment | self.environment, capture_output=True, text=True, timeout=120
        )
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)}: exit status {done.returncode}: {done.stderr.strip()}")
        return done.stdout

    def jobs(self) -> list[dict[str, str]]:
        """Every job and array task, those of the last ten minutes that ended included.

        Keys: `id` (the SLURM_JOB_ID; tasks that never left the queue show their array's), `array_id`, `task_id`
        ("N/A" outside arrays), `state`, `reason`, `node`, `start` ("N/A" when not known), `name`.
        """
        listed = self.call("squeue", "-h", "-r", "-t", "all", "-o", "|".join([*COLUMNS.values(), "%j"]))
        keys = [*COLUMNS, "name"]  # the name last: it may hold the separator
        return [dict(zip(keys, line.split("|", len(COLUMNS)), strict=True)) for line in listed.splitlines()]

    def node_states(self) -> dict[str, str]:
        """State of each node, such as "idle", "mixed" or "down*"; the star says that it does not answer."""
        return dict(
            line.split() for line in self.call("sinfo", "-h", "-N", "-p", "main", "-o", "%N %T").splitlines()
        )

    def wait_for(self, condition: Callable[[], bool], seconds: float, what: str) -> None:
        """Wait until `condition` holds. Raises TimeoutError with the queue and the daemons' last words."""
        give_up = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > give_up:
                raise TimeoutError(f"waited {seconds:g} s for {what}\n{self._report()}")
            time.sleep(0.1)

    def start_now(self) -> None:
        """Let queued jobs start that are to wait for a time, as requeued ones are for two minutes.

        It takes two seconds even so: slurmd counts in whole ones, and in the second in which it ended a job it
        refuses to start it again ("already killed"). May be called again and again while waiting.
        """
        soon = datetime.now() + timedelta(seconds=3)
        for job in self.jobs():
            # The reason is no guide: another one may hide "BeginTime".
            if job["state"] == "PENDING" and job["start"] != "N/A" and datetime.fromisoformat(job["start"]) > soon:
                name = job["id"] if job["task_id"] == "N/A" else f"{job['array_id']}_{job['task_id']}"
                try:
                    self.call("scontrol", "update", f"JobId={name}", "StartTime=now+2")
                except RuntimeError as error:
                    if not re.search("no longer pending|already finished", str(error)):
                        raise

    def cancel_all(self) -> None:
        """Cancel every job, and wait until all have left their nodes."""

        def empty() -> bool:
            self.call("scancel", "--user=root")
            return not self.call("squeue", "-h")

        self.wait_for(empty, 60, "cancelled jobs to be gone")

    def restore(self) -> None:
        """Bring the cluster back to how it started, whatever was done to it: no jobs, all nodes up and idle."""
        self.start_controller()
        for name in self.node_names:
            self.start_node(name)
        self.cancel_all()
        # slurmd forgets a job that it was given again in the second in which the job's last attempt ended.
        daemons.kill_all(self.folder, only_jobs=True)

        def idle() -> bool:
            states = self.node_states()
            for name, state in states.items():
                if state.startswith(("down", "drain")):
                    self.call("scontrol", "update", f"NodeName={name}", "State=RESUME")
            return set(states.values()) == {"idle"}

        self.wait_for(idle, 60, "all nodes to be idle")

    def kill_controller(self) -> None:
        """End slurmctld. It saves its state first, so that the queue is there when it is started again."""
        controller = self._daemons["slurmctld"]
        controller.terminate()
        controller.wait(60)

    def start_controller(self) -> None:
        """Start slurmctld unless it runs, and wait until it answers."""
        self._launch("slurmctld", ["slurmctld", "-D"])
        self.wait_for(lambda: "is UP" in self._ping(), 60, "slurmctld to answer")

    def kill_node(self, name: str) -> None:
        """Kill the slurmd of a node outright. Its jobs run on, and nobody hears of them: a network failure."""
        self._daemons[name].kill()
        self._daemons[name].wait()

    def start_node(self, name: str) -> None:
        """Start the slurmd of a node unless it runs, and wait until the controller has heard of it."""
        self._launch(name, ["slurmd", "-D", "-N", name])
        self.wait_for(
            lambda: not self.node_states()[name].startswith("unk") and not self.node_states()[name].endswith("*"),
            60,
            f"node {name} to answer",
        )

    def _start(self) -> None:
        (controller_port, slurmdbd_port, database_port, *node_ports), self._claim = ports.claim(3 + self.nodes)
        self._daemons["guard"] = daemons.start_guard(self.folder)
        nodes = dict(zip(self.node_names, node_ports, strict=True))
        for name in ("state", *(f"spool.{node}" for node in nodes)):
            (self.folder / name).mkdir()
        more = accounting.write_configuration(self.folder, slurmdbd_port, database_port) if self.accounting else ""
        configuration.write(
            self.folder, controller_port, nodes, self.cpus, self.memory_mb, self.max_array_size, more
        )
        self._start_munged()
        if self.accounting:
            self._launch("mariadbd", accounting.database(self.folder, database_port))
            self.wait_for(lambda: accounting.answers(database_port), 60, "the database to answer")
            self._launch("slurmdbd", ["slurmdbd", "-D"])
            self.wait_for(lambda: accounting.answers(slurmdbd_port), 60, "slurmdbd to answer")
        self.restore()

    def _start_munged(self) -> None:
        """A munged of our own: the system's, if any, keeps its key, and is not ours to stop."""
        key = self.folder / "munge.key"
        key.touch(mode=0o600)
        key.write_bytes(os.urandom(128))
        files = {
            "key-file": "munge.key",
            "socket": "munge.socket",
            "pid-file": "munged.pid",
            "seed-file": "munge.seed",
        }
        paths = [f"--{option}={self.folder / name}" for option, name in files.items()]
        # By force, since other users cannot enter the folder; none has to.
        self._launch(
            "munged", ["munged", "--foreground", "--force", *paths, f"--log-file={self.folder}/munge.log"]
        )
        self.wait_for((self.folder / "munge.socket").exists, 60, "munged to listen")

    def _launch(self, name: str, command: list[str]) -> None:
        if name not in self._daemons or self._daemons[name].poll() is not None:
            self._daemons[name] = daemons.start(command, self.folder, name)

    def _stop(self) -> None:
        daemons.kill_all(self.folder)
        for daemon in self._daemons.values():
            daemon.communicate()  # which also lets the guard go
        self._daemons.clear()
        if self._claim is not None:
            self._claim.close()

    def _ping(self) -> str:
        try:
            return self.call("scontrol", "ping")
        except RuntimeError:  # it does not answer
            return ""

    def _report(self) -> str:
        try:
            queue = self.call("squeue", "-r", "-t", "all")
        except RuntimeError as error:
            queue = f"{error}\n"
        logs = [
            (path, path.read_text(errors="replace").splitlines()[-8:])
            for path in sorted(self.folder.glob("*.log"))
        ]
        return queue + "\n".join("\n".join([f"== {path.name}", *lines]) for path, lines in logs)
