"""Devices by name, and threads by the size of the work."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from hypo.settings.device import few_threads, resolve
from hypo.settings.errors import InputError


def test_auto_is_a_gpu_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert resolve("auto") == torch.device("cpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert resolve("auto") == torch.device("cuda")


@pytest.mark.parametrize("name", ["cuda", "cuda:0", "cuda:7", "mps", "gpu", "meta", "", "cpu:x"])
def test_what_is_not_there_is_refused_in_one_line(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(InputError, match=r"^device: ") as error:
        resolve(name)
    assert "\n" not in str(error.value)


def test_an_index_beyond_the_gpus_says_how_many_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert resolve("cuda:1") == torch.device("cuda:1")
    with pytest.raises(InputError, match="cuda:2 is not there; this machine has 2 CUDA devices"):
        resolve("cuda:2")


def test_small_work_is_not_shared_and_the_number_of_threads_comes_back() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with pytest.raises(ZeroDivisionError), few_threads(nn.Linear(10, 10), batch=60):  # noqa: PT012
            assert torch.get_num_threads() == 1
            raise ZeroDivisionError
        assert torch.get_num_threads() == 2
        with few_threads(nn.Linear(1000, 1000), batch=60):
            assert torch.get_num_threads() == 2
        with few_threads(nn.Flatten(), batch=60):  # as a frozen script, which shows none of its weights
            assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
