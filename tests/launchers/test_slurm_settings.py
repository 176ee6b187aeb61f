"""What can be set for Slurm: the published names, checked one by one, and other resources by a rule."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from hypo.settings.errors import InputError
from launchers.slurm.settings import Resources, SlurmSettings, read

# The defaults of hydra-submitit-launcher 1.2, as a file written for it would spell them out.
PUBLISHED: dict[str, Any] = {
    "submitit_folder": "somewhere/.submitit/%j",
    "timeout_min": 60,
    "cpus_per_task": None,
    "gpus_per_node": None,
    "tasks_per_node": 1,
    "mem_gb": None,
    "nodes": 1,
    "name": "run",
    "stderr_to_stdout": False,
    "partition": None,
    "qos": None,
    "comment": None,
    "constraint": None,
    "exclude": None,
    "gres": None,
    "cpus_per_gpu": None,
    "gpus_per_task": None,
    "mem_per_gpu": None,
    "mem_per_cpu": None,
    "account": None,
    "signal_delay_s": 120,
    "max_num_timeout": 0,
    "additional_parameters": {},
    "array_parallelism": 256,
    "setup": None,
}

CONF = Path(__file__).parents[2] / "conf" / "hydra" / "launcher"


def test_a_file_with_every_published_setting_is_taken() -> None:
    settings = read(PUBLISHED)
    assert settings.resources == Resources(name="run", stderr_to_stdout=False, signal_delay_s=120)
    assert settings.max_num_timeout == 0
    assert settings.submitit_folder == "somewhere/.submitit/%j"


@pytest.mark.parametrize("name", sorted(PUBLISHED))
def test_every_published_setting_can_be_set_on_the_command_line(name: str) -> None:
    assert name in yaml.safe_load((CONF / "slurm.yaml").read_text())


def test_the_yaml_file_has_every_setting_there_is() -> None:
    content = yaml.safe_load((CONF / "slurm.yaml").read_text())
    assert content.pop("_target_") == "hydra_plugins.hypo_launchers.slurm.SlurmLauncher"
    with pytest.raises(InputError) as error:
        read({"foo": 1})
    assert str(error.value) == f"hydra.launcher.foo: no such setting; takes {', '.join(sorted(content))}"
    assert read(content).resources.timeout_min == 240


def test_on_a_preemptible_queue_jobs_are_shorter_and_attempts_many() -> None:
    content = {
        name: yaml.safe_load((CONF / f"{name}.yaml").read_text()) for name in ("slurm", "slurm_preemptible")
    }
    changes = content["slurm_preemptible"]
    assert changes.pop("defaults") == ["slurm", "_self_"]
    usual, preemptible = read_file(content["slurm"]), read_file(content["slurm"] | changes)
    assert preemptible.max_attempts > usual.max_attempts
    assert preemptible.resources.timeout_min < usual.resources.timeout_min


def read_file(content: Mapping[str, Any]) -> SlurmSettings:
    return read({name: value for name, value in content.items() if name != "_target_"})


@pytest.mark.parametrize(
    ("name", "value", "takes"),
    [
        ("timeout_min", 0, "a whole number >= 1"),
        ("timeout_min", "two hours", "a whole number"),
        ("timeout_min", 1.5, "a whole number"),
        ("array_parallelism", 0, "a whole number >= 1"),
        ("runs_per_gpu", 0, "a whole number >= 1"),
        ("cpus_per_task", 0, "a whole number >= 1"),
        ("cpus_per_task", "all", "a whole number"),
        ("cpus_per_gpu", -1, "a whole number >= 1"),
        ("gpus_per_node", -1, "a whole number >= 0"),
        ("gpus_per_node", True, "a whole number"),
        ("gpus_per_task", -2, "a whole number >= 0"),
        ("mem_gb", 0, "a number > 0"),
        ("mem_gb", "16GB", "a number"),
        ("nodes", 2, "1, a run is one process"),
        ("tasks_per_node", 4, "1, a run is one process"),
        ("signal_delay_s", 0, "seconds above 0 and below 3600 (timeout_min=60)"),
        ("signal_delay_s", 3600, "seconds above 0 and below 3600 (timeout_min=60)"),
        ("name", "my sweep", "letters, digits and . _ + -"),
        ("name", "", "letters, digits and . _ + -"),
        ("partition", ["gpu", "cpu"], "text"),
        ("setup", "module load cuda", "a list"),
        ("setup", [["module", "load"]], "text"),
        ("srun_args", "--mpi=none", "a list"),
        ("stderr_to_stdout", "maybe", "one of True, False"),
        ("additional_parameters", ["reservation"], "a mapping of sbatch's options"),
        ("wait", 1.5, "one of True, False"),
        ("dry_run", "later", "one of True, False"),
        ("retry_failed", None, "one of True, False"),
        ("snapshot", "yes", "one of True, False"),
        ("max_attempts", 0, "a whole number >= 1"),
        ("max_num_timeout", -1, "a whole number >= 0"),
        ("max_num_timeout", "never", "a whole number"),
        ("submitit_folder", ["here"], "text"),
        ("rules", 5, "a list of rules"),
        ("rules", {"when": {"arch": "mlp"}, "mem_gb": 4}, "a list of rules"),
    ],
)
def test_a_wrong_value_is_refused_in_one_line(name: str, value: object, takes: str) -> None:
    with pytest.raises(InputError) as error:
        read({name: value})
    message = str(error.value)
    assert message.startswith(f"hydra.launcher.{name}: takes {takes}")
    assert "got " in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"mem_gb": 16, "mem_per_cpu": "4GB"}, "mem_per_cpu: takes mem_gb=null beside it, got mem_gb=16"),
        ({"mem_gb": 16, "mem_per_gpu": "4GB"}, "mem_per_gpu: takes mem_gb=null beside it, got mem_gb=16"),
        ({"mem_per_cpu": "1GB", "mem_per_gpu": "4GB"}, "mem_per_gpu: takes mem_per_cpu=null beside it, got "),
        ({"cpus_per_task": 4, "cpus_per_gpu": 8}, "cpus_per_gpu: takes cpus_per_task=null beside it, got "),
        ({"gpus_per_node": 1, "gres": "gpu:2"}, "gres: takes gpus_per_node=null beside it, got gpus_per_node=1"),
    ],
)
def test_what_sbatch_takes_in_one_way_only_is_set_in_one_way_only(given: Mapping[str, Any], message: str) -> None:
    """The defaults hold one of the two; a file that sets the other one is told to take the first one back."""
    with pytest.raises(InputError) as error:
        read(given)
    assert str(error.value).startswith(f"hydra.launcher.{message}")


@pytest.mark.parametrize("given", [{"gpus_per_node": 1, "gres": "nvme:1"}, {"gpus_per_node": 0, "gres": "gpu:2"}])
def test_what_is_not_counted_twice_goes_together(given: Mapping[str, Any]) -> None:
    assert read(given).resources.gres == given["gres"]


@pytest.mark.parametrize("option", ["job-name", "job_name", "array", "output", "signal"])
def test_what_the_launcher_itself_tells_sbatch_cannot_be_given_a_second_time(option: str) -> None:
    """With another name a job would not be found again, and with another array it would be another sweep."""
    with pytest.raises(InputError) as error:
        read({"additional_parameters": {option: "x"}})
    assert str(error.value).startswith(f"hydra.launcher.additional_parameters.{option}: ")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("given", "gpus", "slots"),
    [
        ({}, 0, 1),
        ({"runs_per_gpu": 3}, 0, 3),
        ({"gpus_per_node": 2}, 2, 2),
        ({"gpus_per_node": 2, "runs_per_gpu": 3}, 2, 6),
        ({"gpus_per_task": 1, "cpus_per_gpu": 8}, 1, 1),
        ({"gres": "gpu"}, 1, 1),
        ({"gres": "gpu:4"}, 4, 4),
        ({"gres": "gpu:a100:2"}, 2, 2),
        ({"gres": "craynetwork:1,gpu:h100:3(S:0)"}, 3, 3),
        ({"gres": "shard:2"}, 0, 1),
    ],
)
def test_a_job_holds_as_many_runs_as_its_gpus_do(given: Mapping[str, Any], gpus: int, slots: int) -> None:
    resources = read(given).resources
    assert (resources.gpus, resources.slots) == (gpus, slots)
