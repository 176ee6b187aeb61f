"""As many runs on a GPU as fit and pay, from the first epochs of a sweep to the plan of the next one."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from digits_jobs import job
from digits_jobs import task as digits_task
from pretended import Pretended

from hypo.runs.outcome import Outcome
from launchers.packing import found
from launchers.packing.need import Machine
from launchers.packing.policy import Packing
from launchers.planning import estimate
from launchers.pool import packed
from launchers.pool.packed import PackedPool

Sweep = Callable[..., tuple[dict[str, Outcome], list[str]]]


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pretended:
    made = Pretended(tmp_path)
    monkeypatch.setattr(packed, "Pool", made.worker)
    monkeypatch.setattr(packed, "wait", made.wait)
    return made


def sweep(
    world: Pretended, runs: int, gpus: int = 1, begin_with: Packing | None = None, kinds: Sequence[str] = "a"
) -> tuple[dict[str, Outcome], list[str]]:
    """The outcomes and the decisions of a sweep of so many runs, on a machine with cores to spare."""
    lines: list[str] = []
    packing = begin_with or Packing(Machine(gpus, 16 * gpus))
    tasks = [world.task(f"run{number}", kinds[number % len(kinds)]) for number in range(runs)]
    names = [str(number) for number in range(gpus)]
    with PackedPool(names, packing, lines.append, world.folder, "2b6d58fbe58b") as pool:
        outcomes = {task["record"]["directory"]: outcome for task, outcome in pool.run(tasks)}
    assert len(outcomes) == runs
    return outcomes, lines


def kept(world: Pretended) -> found.Found:
    return found.known(world.folder)["a"]


def test_a_sweep_finds_out_and_the_next_one_begins_with_it(world: Pretended) -> None:
    world.need, world.speed = 26.5, lambda beside: 1000.0 if beside == 1 else 810.0
    outcomes, lines = sweep(world, runs=8)
    assert set(outcomes.values()) == {Outcome("done")}
    assert lines == [
        "1 run a GPU: 1,000 images a second; trying 2",
        "2 runs a GPU: 1.62 × the images a second of one; one more would not fit: "
        "3 × 27 of 79 GiB, a tenth of which stays free",
    ]
    assert world.most == 2
    packing, line = found.begin(world.folder, {"a"}, Machine(1, 16))
    assert line == ("2 runs a GPU, as sweep 2b6d58fbe58b found (1.62 × the images a second of one; Pretend)")
    world.held.clear()
    outcomes, lines = sweep(world, runs=6, begin_with=packing)
    assert (lines, world.most, world.held[0]) == ([], 2, {"0": 2})


def test_what_is_slower_ends_with_the_runs_that_tried_it(world: Pretended) -> None:
    world.speed = lambda beside: 1000.0 / beside
    outcomes, lines = sweep(world, runs=12, gpus=2)
    assert set(outcomes.values()) == {Outcome("done")}
    assert [line.partition(":")[2] for line in lines] == [
        " 1,000 images a second; trying 2",
        " 1.00 × the images a second of one, less than 1.05 ×; back to 1",
    ]
    packed_last = max(number for number, now in enumerate(world.held) if max(now.values()) == 2)
    assert packed_last < 3 * world.epochs
    assert {"0": 1, "1": 1} in world.held[packed_last + 1 :]  # one each, not two on one of them
    assert (kept(world).runs_per_gpu, kept(world).is_final, kept(world).speed_up) == (1, True, 1)


def test_gpus_are_filled_evenly(world: Pretended) -> None:
    world.speed = lambda beside: 1000.0 / beside**0.5
    sweep(world, runs=60, gpus=3)
    for now in world.held[: -2 * world.epochs]:
        assert max(now.values()) - min(now.values()) <= 1
        assert len(now) == 3
    assert world.most == 6  # 7 × 10.5 GiB are more than nine tenths of 79


def test_a_run_that_had_no_memory_beside_others_is_tried_again(world: Pretended) -> None:
    """Its evaluation needs what its training did not, and three are there when the first begins it."""
    world.need, world.evaluation_needs = 20.0, 30.0
    outcomes, lines = sweep(world, runs=6)
    assert set(outcomes.values()) == {Outcome("done")}
    assert lines[-2:] == [
        "3 runs a GPU no longer fit: 3 × 30.5 of 79 GiB, a tenth of which stays free; back to 2",
        "a run had no memory left beside 2 others: it is tried again, with 2 a GPU",
    ]
    assert (kept(world).runs_per_gpu, kept(world).is_final) == (2, True)


def test_a_run_that_has_no_memory_alone_failed(world: Pretended) -> None:
    world.evaluation_needs = 100.0
    outcomes, lines = sweep(world, runs=1)
    assert outcomes["run0"].cause == "out of memory"
    assert not any("again" in line for line in lines)


def test_runs_that_are_too_short_are_not_judged(world: Pretended) -> None:
    world.epochs = 2
    _, lines = sweep(world, runs=6)
    assert (lines, world.most, found.known(world.folder)) == ([], 1, {})


def test_the_last_runs_are_not_held_up(world: Pretended) -> None:
    """Where nothing waits, nothing more is tried."""
    assert sweep(world, runs=1)[1] == []


def test_what_was_not_finished_is_tried_further_by_the_next_sweep(world: Pretended) -> None:
    world.speed = lambda beside: 1000.0 / beside**0.5
    sweep(world, runs=2)  # which two at a time were to be judged, and one had ended before
    assert not kept(world).is_final
    packing, line = found.begin(world.folder, {"a"}, Machine(1, 16))
    assert line.endswith("; more are tried")
    assert not packing.is_settled
    _, lines = sweep(world, runs=20, begin_with=packing)
    assert lines[-1].endswith("7 × 10.5 of 79 GiB, a tenth of which stays free")
    assert kept(world).is_final


def test_each_kind_keeps_what_was_found_with_it(world: Pretended) -> None:
    world.speed = lambda beside: 1000.0 / beside
    sweep(world, runs=12, kinds="ab")
    assert {kind: each.runs_per_gpu for kind, each in found.known(world.folder).items()} == {"a": 1, "b": 1}
    _, line = found.begin(world.folder, {"a", "c"}, Machine(1, 16))
    assert line == "1 run a GPU to begin with (hydra.launcher.runs_per_gpu=auto)"


def test_a_smaller_machine_begins_with_what_it_holds(world: Pretended) -> None:
    world.speed = lambda beside: 1000.0 / beside**0.5
    sweep(world, runs=40)
    packing, line = found.begin(world.folder, {"a"}, Machine(1, cores=3))
    assert packing.runs == 3
    assert line.startswith("3 runs a GPU, as sweep ")


def test_of_two_gpus_the_number_that_both_hold_counts(world: Pretended) -> None:
    world.speed = lambda beside: 1000.0 / beside**0.5
    sweep(world, runs=40)
    (path,) = (world.folder / "packing").iterdir()
    content = json.loads(path.read_text())
    content["need"]["gpu"], content["runs_per_gpu"] = "A smaller one", 2
    path.with_name("other.json").write_text(json.dumps(content))
    (path.parent / "broken.json").write_text("{")
    assert kept(world).need.gpu == "A smaller one"


def test_others_can_be_run_while_it_runs(world: Pretended) -> None:
    """As those are that wait in vain for one that failed."""
    done: list[str] = []
    packing = Packing(Machine(1, 4), 2, True)
    with PackedPool(["0"], packing, print, world.folder, "") as pool:
        for task, _ in pool.run([world.task(name) for name in "abc"]):
            done += [task["record"]["directory"]]
            if done == ["a"]:
                done += [other["record"]["directory"] for other, _ in pool.run([world.task("d"), world.task("e")])]
    assert sorted(done) == ["a", "b", "c", "d", "e"]
    assert world.most == 2


def test_an_error_and_a_signal_reach_every_worker(world: Pretended) -> None:
    pool = PackedPool(["0", "1"], Packing(Machine(2, 4)), print, world.folder, "")
    with pytest.raises(ZeroDivisionError), pool:
        raise ZeroDivisionError
    assert len(pool._slots) == 4
    assert all(slot.worker.stopped for slot in pool._slots)  # type: ignore[attr-defined]


def test_real_workers_each_have_their_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two at a time on one GPU, which is not there: the runs are computed on the CPU."""
    monkeypatch.setattr(packed, "_LOOK_SECONDS", 0.05)
    jobs = [job(tmp_path, seed=seed) for seed in range(3)]
    tasks = [{**digits_task(each), "kind": estimate.kind(each.config)} for each in jobs]
    with PackedPool(["0"], Packing(Machine(1, 2), 2, True), print, tmp_path, "") as pool:
        assert {outcome for _, outcome in pool.run(tasks)} == {Outcome("done")}
    assert len({each.directory.status()["pid"] for each in jobs}) == 2
