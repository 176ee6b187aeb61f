"""What is noted of the memory and the GPU that an attempt uses."""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from compared import Stopping
from small_jobs import Silent, job

from hypo.jobs import usage
from hypo.jobs.attempt import attempt
from hypo.jobs.usage import Meter
from hypo.runs.outcome import Outcome
from hypo.runs.status import ended

GPU = torch.device("cuda", 0)
CPU = torch.device("cpu")


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A stand-in for a GPU of 80 bytes without NVML; returns what it was told to do."""
    told: list[str] = []
    about = SimpleNamespace(name="Pretend", total_memory=80)
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: told.append("empty"))
    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", lambda device: told.append("reset"))
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: about)
    monkeypatch.setattr(torch.cuda, "max_memory_reserved", lambda device: 27)

    def no_nvml(device: torch.device) -> int:
        raise ModuleNotFoundError("nvidia-ml-py does not seem to be installed")

    monkeypatch.setattr(torch.cuda, "utilization", no_nvml)
    return told


def test_each_attempt_has_its_own_in_the_status(tmp_path: Path) -> None:
    stopped = job(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        attempt(stopped, Stopping(after=1))
    assert attempt(stopped, Silent()).state == "done"
    said = stopped.directory.status()
    for entry in said["attempts"]:
        assert set(entry["usage"]) == {"seconds", "peak_memory"}  # nothing is said of a GPU that is not used
        assert 1e7 < entry["usage"]["peak_memory"] < 1e12
    assert said["images_per_second"] == pytest.approx(stopped.directory.history()[-1]["images_per_second"])


def test_an_attempt_that_is_killed_has_that_of_its_last_epoch(tmp_path: Path) -> None:
    killed = job(tmp_path)
    seen: list[object] = []

    class Looking(Silent):
        def epoch(self, row: dict[str, float], epochs: int) -> None:
            seen.append(killed.directory.status()["attempts"][-1]["usage"]["peak_memory"])
            if len(seen) == 1:
                changes = ended(killed.directory.path, Outcome("failed", "killed by SIGKILL", "killed"))
                assert changes["attempts"][-1]["usage"]["peak_memory"] == seen[0]

    attempt(killed, Looking())
    assert len(seen) >= 1


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the peak of a process cannot be reset")
def test_what_was_freed_before_an_attempt_is_not_its_own() -> None:
    block = bytearray(400_000_000)
    before = Meter(CPU).so_far()["peak_memory"]
    del block
    assert Meter(CPU).so_far()["peak_memory"] < before - 300_000_000
    meter = Meter(CPU)
    bytearray(400_000_000)
    assert meter.so_far()["peak_memory"] > before - 100_000_000


def test_of_a_gpu_its_memory_is_noted_without_nvml(gpu: list[str]) -> None:
    threads = threading.active_count()
    meter = Meter(GPU)
    found = meter.so_far()
    assert gpu == ["empty", "reset"]
    assert (found["gpu"], found["gpu_memory"], found["peak_gpu_memory"]) == ("Pretend", 80, 27)
    assert "gpu_utilisation" not in found
    assert threading.active_count() == threads  # nobody asks what cannot be told
    meter.stop()


def test_utilisation_is_the_mean_over_the_attempt(gpu: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    shares = iter([0, 20, 40, 90])
    asked = threading.Event()

    def share(device: torch.device) -> int:
        if (found := next(shares, None)) is None:
            asked.set()
            raise RuntimeError("it is gone")
        return found

    monkeypatch.setattr(torch.cuda, "utilization", share)
    monkeypatch.setattr(usage, "_EVERY_SECONDS", 0.001)
    meter = Meter(GPU)  # asks once, whether there is an answer
    assert asked.wait(10)
    assert meter.so_far()["gpu_utilisation"] == 0.5
    meter.stop()


def test_nothing_is_asked_any_more_once_it_is_stopped(gpu: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "utilization", lambda device: 50)
    threads = set(threading.enumerate())
    meter = Meter(GPU)
    (watching,) = set(threading.enumerate()) - threads
    meter.stop()
    watching.join(10)
    assert not watching.is_alive()


def test_a_gpu_that_answers_nothing_costs_no_run(gpu: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(device: torch.device) -> object:
        raise RuntimeError("CUDA error: device-side assert triggered")

    monkeypatch.setattr(torch.cuda, "get_device_properties", broken)
    assert set(Meter(GPU).so_far()) == {"seconds", "peak_memory"}
