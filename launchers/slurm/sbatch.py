"""A batch script for a whole array, made and submitted by submitit, with no file for each task."""

from __future__ import annotations

import io
import math
import shlex
import sys
from collections.abc import Mapping, Sequence
from contextlib import redirect_stderr
from itertools import pairwise
from pathlib import Path
from typing import Any

from submitit.core.utils import FailedJobError
from submitit.slurm.slurm import SlurmExecutor, _convert_mem, _make_sbatch_string

from launchers.slurm.settings import Resources
from launchers.watching.cluster import SlurmError, one_line
from launchers.watching.log import KILLED

# The current directory, which -c would put first, holds other code than the copy a job is to run.
_START = (
    "import sys; sys.path[:] = [path for path in sys.path if path]; "
    "from launchers.slurm.array_task import main; main()"
)

_OWN_NAMES = {"name": "job_name", "timeout_min": "time", "mem_gb": "mem", "tasks_per_node": "ntasks_per_node"}
_NOT_SBATCH = ("python", "runs_per_gpu")


def parameters(
    resources: Resources,
    additional: Mapping[str, Any],
    *,
    name: str,
    tasks: int,
    parallel: int,
    dependency: str,
    search_path: Sequence[str],
    max_attempts: int,
) -> dict[str, Any]:
    """What submitit makes the script of an array from.

    Args:
        tasks, parallel: how many there are, and how many of them may run at a time.
        dependency: sbatch's, "" for none; one among the additional parameters holds too.
        search_path: where Python looks for code before all else.
    """
    given = {
        _OWN_NAMES.get(key, key): value
        for key, value in vars(resources).items()
        if key not in _NOT_SBATCH and value not in (None, 0)
    }
    if resources.mem_gb is not None:
        given["mem"] = _convert_mem(resources.mem_gb)
    setup = list(resources.setup or ())
    if search_path:
        setup.append(f"export PYTHONPATH={shlex.quote(':'.join(search_path))}${{PYTHONPATH:+:$PYTHONPATH}}")
    conditions = ",".join(filter(None, [dependency, additional.get("dependency")]))
    waiting = {"dependency": conditions, "kill-on-invalid-dep": "yes"} if conditions else {}
    return {
        **given,
        "job_name": name,
        "map_count": tasks,
        "array_parallelism": parallel,
        "setup": setup,
        "srun_args": list(resources.srun_args or ()),
        "teardown": _after_a_kill(max_attempts),
        "additional_parameters": {"requeue": True, **additional, **waiting},
    }


def command(resources: Resources, folder: Path, array: int) -> str:
    """What a task of an array runs."""
    python = resources.python or shlex.quote(sys.executable)
    limits = [str(resources.timeout_min), str(resources.signal_delay_s)]
    arguments = shlex.join(["-u", "-c", _START, str(folder), str(array), *limits])
    return f"{python} {arguments}"


def script(logs: Path, text: str, given: Mapping[str, Any]) -> str:
    """The batch script that `submit` would submit."""
    return _make_sbatch_string(command=text, folder=logs, **given)


def submit(logs: Path, text: str, given: Mapping[str, Any]) -> str:
    """Submit an array; returns its job id.

    Raises:
        SlurmError: when sbatch refuses it, in sbatch's words.
    """
    logs.mkdir(parents=True, exist_ok=True)
    executor = SlurmExecutor(logs)
    executor.parameters = dict(given)
    try:
        with redirect_stderr(io.StringIO()):  # sbatch's words are passed on below
            return executor._submit_command(text).job_id
    except FailedJobError as error:
        raise SlurmError(f"sbatch: {one_line(str(error))}") from None


def shares(parallel: int, arrays: int) -> list[tuple[int, int | None]]:
    """For each of so many arrays how many of its tasks may run at a time, and which array has to end before.

    All together are at most `parallel`. Slurm has a limit for one array only, so each gets its share; where
    there are more arrays than that, some follow others.
    """
    chains = min(arrays, parallel)
    return [
        (parallel // chains + (number % chains < parallel % chains), None if number < chains else number - chains)
        for number in range(arrays)
    ]


def chunks(count: int, at_most: int) -> list[range]:
    """0 to `count` in as few ranges of at most `at_most` as it takes, all about as long."""
    number = math.ceil(count / at_most)
    bounds = [round(count * part / number) for part in range(number + 1)]
    return [range(low, high) for low, high in pairwise(bounds)]


def _after_a_kill(max_attempts: int) -> list[str]:
    """Have a job whose process was killed outright (and not cancelled) start again, as after a dead node."""
    job = "${SLURM_ARRAY_JOB_ID}_${SLURM_ARRAY_TASK_ID}"
    # 140 is SIGUSR2, which announces the end of the job, before Python was ready to hear it. The last start
    # begins no run any more: it notes that they are given up, which a process that is killed cannot do.
    return [
        "code=$?",
        f"if [[ $code =~ ^(137|140)$ ]] && scontrol show job {job} | grep -q JobState=RUNNING; then",
        f"    echo '{KILLED}' >&2",
        f'    [ "${{SLURM_RESTART_COUNT:-0}}" -ge {max_attempts} ] || scontrol requeue {job}',
        "fi",
        "exit $code",
    ]
