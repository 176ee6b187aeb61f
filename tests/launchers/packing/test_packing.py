"""When one run more on each GPU pays, and when it does not."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from launchers.packing.need import Machine, Need, machine_memory
from launchers.packing.policy import Packing

GIB = 2**30

MACHINE = Machine(gpus=1, cores=16)


def need(of_gpu: float, gpu: float = 79, memory: float = 3) -> Need:
    """Half a GiB of the GPU's goes to the driver in each process."""
    return Need("Pretend", gpu * GIB, (of_gpu - 0.5) * GIB, memory * GIB)


def test_runs_are_added_as_long_as_they_fit_and_pay() -> None:
    packing = Packing(MACHINE)
    assert packing.decide({"a": 1000}, need(27)) == "1 run a GPU: 1,000 images a second; trying 2"
    assert (packing.runs, packing.good, packing.is_settled) == (2, 1, False)
    assert packing.decide({"a": 810}, need(27)) == (
        "2 runs a GPU: 1.62 × the images a second of one; one more would not fit: "
        "3 × 27 of 79 GiB, a tenth of which stays free"
    )
    assert (packing.runs, packing.good, packing.is_settled, packing.is_final) == (2, 2, True, True)
    assert packing.speed_up == pytest.approx(1.62)


def test_what_does_not_pay_is_taken_back() -> None:
    packing = Packing(MACHINE)
    packing.decide({"a": 1000}, need(5))
    packing.decide({"a": 800}, need(5))
    line = packing.decide({"a": 555}, need(5))
    assert line == "3 runs a GPU: 1.04 × the images a second of 2, less than 1.05 ×; back to 2"
    assert (packing.runs, packing.good, packing.is_settled, packing.is_final) == (2, 2, True, True)
    assert packing.speed_up == pytest.approx(1.6)


def test_one_run_may_be_all_that_pays() -> None:
    packing = Packing(MACHINE)
    packing.decide({"a": 1000}, need(5))
    line = packing.decide({"a": 480}, need(5))
    assert line == "2 runs a GPU: 0.96 × the images a second of one, less than 1.05 ×; back to 1"
    assert (packing.runs, packing.speed_up, packing.is_final) == (1, 1, True)


def test_one_run_may_be_all_that_fits() -> None:
    packing = Packing(MACHINE)
    assert packing.decide({"a": 1000}, need(40)).endswith(
        "; one more would not fit: 2 × 40 of 79 GiB, a tenth of which stays free"
    )
    assert (packing.runs, packing.is_final) == (1, True)


def test_each_run_keeps_a_core_and_its_part_of_the_memory() -> None:
    """Of the machine, which other GPUs share; a larger one might hold more on the same GPUs."""
    of_cores = Packing(Machine(gpus=2, cores=3))
    line = of_cores.decide({"a": 1000}, need(5))
    assert line == "1 run a GPU: 1,000 images a second; one more would not fit: 4 runs on 3 cores"
    of_memory = Packing(Machine(gpus=2, cores=16, memory=16 * GIB))
    line = of_memory.decide({"a": 1000}, need(5, memory=4))
    assert "one more would not fit: 4 × 4 of 16 GiB of the machine's memory, a tenth of which" in line
    for packing in (of_cores, of_memory):
        assert (packing.runs, packing.is_settled, packing.is_final) == (1, True, False)


def test_what_is_not_known_of_memory_is_no_limit() -> None:
    packing = Packing(MACHINE)
    packing.decide({"a": 1000}, Need())
    assert packing.runs == 2


def test_only_runs_of_one_kind_are_held_against_each_other() -> None:
    packing = Packing(MACHINE)
    packing.decide({"standard": 9000, "thrm": 1000}, need(5))
    assert not packing.is_comparable({"trades": 1000})
    assert not packing.is_comparable({})
    assert packing.is_comparable({"trades": 1000, "thrm": 800})
    assert packing.decide({"trades": 1000, "thrm": 800}, need(5)).startswith("2 runs a GPU: 1.60 × ")


def test_what_outgrows_the_memory_later_is_taken_back() -> None:
    """An evaluation may need more than the training that was measured."""
    packing = Packing(MACHINE)
    for rate in (1000, 900, 700):
        packing.decide({"a": rate}, need(17))
    assert (packing.runs, packing.good) == (4, 3)
    assert packing.weigh(need(17)) == ""
    assert packing.weigh(need(30)) == (
        "4 runs a GPU no longer fit: 4 × 30 of 79 GiB, a tenth of which stays free; back to 2"
    )
    assert (packing.runs, packing.good, packing.is_settled, packing.is_final) == (2, 2, True, True)
    assert packing.speed_up is None  # that of two was not measured last
    assert packing.weigh(need(30)) == ""
    alone = Packing(MACHINE)
    assert alone.weigh(need(100)) == ""  # it has to try


def test_after_a_run_that_had_no_memory_fewer_are_together() -> None:
    packing = Packing(MACHINE)
    for rate in (1000, 900, 800):
        packing.decide({"a": rate}, Need())
    line = packing.ran_out(4)
    assert line == "a run had no memory left beside 3 others: it is tried again, with 3 a GPU"
    assert (packing.runs, packing.is_settled, packing.is_final) == (3, True, True)
    packing.ran_out(4)  # another of the same four
    assert packing.runs == 3
    assert packing.ran_out(2) == "a run had no memory left beside 1 other: it is tried again, with 1 a GPU"
    packing.ran_out(2)
    assert packing.runs == 1


@given(
    rates=st.lists(st.floats(1, 1e5), min_size=1, max_size=12),
    size=st.floats(0.1, 100),
    cores=st.integers(1, 16),
    gpus=st.integers(1, 4),
)
def test_it_never_holds_more_than_fits_nor_what_is_slower(
    rates: list[float], size: float, cores: int, gpus: int
) -> None:
    packing = Packing(Machine(gpus, cores))
    sums: dict[int, float] = {}
    for rate in rates:
        if packing.is_settled:
            break
        sums[packing.runs] = packing.runs * rate
        packing.decide({"a": rate}, need(size + 0.5))
    assert 1 <= packing.good <= packing.runs <= max(1, cores // gpus)
    assert packing.good == 1 or packing.good * size <= 79
    if packing.speed_up is not None and packing.good in sums:
        assert packing.speed_up == pytest.approx(sums[packing.good] / sums[1])
        assert packing.speed_up >= 1.05 ** (packing.good - 1) * (1 - 1e-9)


@pytest.mark.skipif(not Path("/proc/meminfo").exists(), reason="nothing says what memory there is")
def test_what_this_machine_has_is_known() -> None:
    memory = machine_memory()
    assert memory is not None
    assert 1e8 < memory < 1e15


def test_the_need_is_that_of_the_neediest() -> None:
    seen = Need().beside({"peak_memory": 5, "gpu": "Pretend", "gpu_memory": 80, "peak_gpu_memory": 20})
    assert seen.beside({"peak_memory": 3, "peak_gpu_memory": 27}) == Need("Pretend", 80, 27, 5)
    assert seen.beside({}) == seen
