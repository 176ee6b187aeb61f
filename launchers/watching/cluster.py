"""What Slurm says of jobs, found by the names that were given to them.

Job ids begin again when a cluster is rebuilt; a name that holds the submission's own random part does not.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Collection, Sequence
from dataclasses import dataclass

ACTIVE = frozenset(
    (
        *("PENDING", "RUNNING", "SUSPENDED", "CONFIGURING", "COMPLETING", "REQUEUED", "REQUEUE_HOLD"),
        *("REQUEUE_FED", "RESIZING", "SIGNALING", "SPECIAL_EXIT", "STAGE_OUT", "STOPPED"),
    )
)
"""The states of a job that runs or will; in all others it has ended."""

_PATIENCE = 60


class SlurmError(RuntimeError):
    """A command of Slurm's is missing or failed; the message is one line."""


@dataclass(frozen=True)
class ClusterJob:
    """One task of an array.

    Attributes:
        job: its id, such as 123_4. raw: the id that only Slurm uses, a plain number.
        state: such as PENDING, RUNNING or NODE_FAIL. reason: why it is pending, or ended.
        node: where it runs or ran, "" before.
    """

    job: str
    raw: str
    state: str
    reason: str
    node: str

    @property
    def is_active(self) -> bool:
        """Whether it runs or will."""
        return self.state in ACTIVE


def jobs(names: Collection[str], since: str) -> dict[tuple[str, int], ClusterJob]:
    """The array tasks of the jobs so named, by name and index.

    Args:
        since: when the first of them was submitted, ISO 8601; accounting is asked from there on.

    Raises:
        SlurmError: when Slurm does not answer.
    """
    if not names:
        return {}
    asked = ",".join(sorted(names))
    found: dict[tuple[str, int], ClusterJob] = {}
    if has_accounting():
        # Of what is still in the queue squeue knows more; it forgets what has ended after some minutes.
        columns = ("-n", "-P", "-X", "-o", "JobName,JobID,JobIDRaw,State,NodeList")
        for line in call("sacct", *columns, f"--name={asked}", "-S", since[:19]).splitlines():
            name, job, raw, ended, node = line.split("|")
            index = job.partition("_")[2]
            if index.isdigit():
                found[name, int(index)] = ClusterJob(job, raw, ended.split()[0], "", node)
    in_queue = ("-h", "-r", "-a", "-t", "all", "-o", "%j|%A|%F|%K|%T|%r|%N")
    for line in call("squeue", *in_queue, f"--name={asked}").splitlines():
        name, raw, array, number, state, reason, node = line.split("|")
        if number.isdigit():
            found[name, int(number)] = ClusterJob(f"{array}_{number}", raw, state, reason, node)
    return found


def max_array_size() -> int:
    """How many tasks an array may have; SlurmError where there may be no arrays."""
    size = int(_configuration("MaxArraySize") or 1001)
    if size == 0:
        raise SlurmError("this cluster takes no job arrays (its MaxArraySize is 0)")
    return size


def has_accounting() -> bool:
    """Whether sacct has something to tell."""
    return _configuration("AccountingStorageType") not in ("", "(null)", "accounting_storage/none")


def call(*command: str) -> str:
    """The output of one of Slurm's commands.

    Raises:
        SlurmError: when it is missing, fails or does not answer.
    """
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE)
    except FileNotFoundError:
        raise SlurmError(f"there is no {command[0]} on this machine") from None
    except subprocess.TimeoutExpired:
        raise SlurmError(f"{command[0]} did not answer in {_PATIENCE} s") from None
    if done.returncode:
        raise SlurmError(f"{command[0]}: {one_line(done.stderr or done.stdout)}")
    return done.stdout


def one_line(text: str) -> str:
    """What a command complained, without its own name before it."""
    lines: Sequence[str] = text.strip().splitlines() or ["failed without a word"]
    return "; ".join(re.split("(?:error|fatal): ", line)[-1].strip() for line in lines)


def _configuration(key: str) -> str:
    for line in call("scontrol", "show", "config").splitlines():
        name, _, value = line.partition("=")
        if name.strip() == key:
            return value.strip()
    return ""
