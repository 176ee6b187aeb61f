"""Which epochs tell how fast runs are beside each other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from launchers.packing.side_by_side import Running, SideBySide, usage


def run(name: str, gpu: int = 0, begun_at: int = 0, kind: str = "a") -> Running:
    return Running(Path(name), kind, gpu, begun_at)


def at(epoch: int, rate: float | None = 100.0) -> dict[str, Any]:
    return {"epoch": epoch, "images_per_second": rate}


def test_an_epoch_counts_that_began_when_all_were_under_way() -> None:
    """The first loads, and the second began before it was seen that nobody loads any more."""
    seen, one = SideBySide(), run("one")
    for epoch, known in ((0, {}), (1, {}), (2, {}), (3, {}), (4, {"a": 35.0})):
        seen.look([(one, at(epoch, 10.0 * epoch))], 1, 1)
        assert seen.rates(1) == known


def test_an_epoch_that_is_seen_twice_counts_once() -> None:
    seen, one = SideBySide(), run("one")
    for epoch in (1, 3, 3, 3):
        seen.look([(one, at(epoch))], 1, 1)
    assert seen.rates(1) == {}


def test_while_another_run_loads_nothing_counts() -> None:
    seen, old, new = SideBySide(), run("old"), run("new", begun_at=40)
    for epoch in range(1, 30):
        seen.look([(old, at(epoch, 1000.0)), (new, at(40))], 1, 2)
    assert seen.rates(2) == {}
    for epoch in range(30, 34):  # the new one goes on from the epoch that it had
        seen.look([(old, at(epoch, 80.0)), (new, at(epoch + 11, 60.0))], 1, 2)
    assert seen.rates(2) == {"a": 70.0}


def test_while_a_place_is_empty_nothing_counts() -> None:
    """On one of the GPUs, or on all."""
    seen, one, other = SideBySide(), run("one", gpu=0), run("other", gpu=1)
    for epoch in range(1, 30):
        seen.look([(one, at(epoch))], 2, 1)
        seen.look([(one, at(epoch)), (other, at(epoch))], 2, 2)
    assert seen.rates(1) == {}


def test_what_was_seen_lasts_when_a_run_gives_its_place_to_another() -> None:
    seen, first, second = SideBySide(), run("first"), run("second")
    for epoch in (1, 3):
        seen.look([(first, at(epoch, 100.0))], 1, 1)
    for epoch in (0, 1, 3):
        seen.look([(second, at(epoch, 200.0))], 1, 1)
    assert seen.rates(1) == {"a": 150.0}


def test_with_another_number_of_runs_it_begins_anew() -> None:
    seen, one = SideBySide(), run("one")
    for epoch in (1, 3, 4):
        seen.look([(one, at(epoch))], 1, 1)
    assert seen.rates(1)
    seen.forget([one])
    assert seen.rates(1) == {}
    seen.look([(one, at(5))], 1, 1)
    seen.look([(one, at(6))], 1, 1)  # under way when it was decided
    assert not seen._epochs


def test_kinds_are_told_apart() -> None:
    seen, one, other = SideBySide(), run("one"), run("other", gpu=1, kind="b")
    for epoch in (1, 3, 4):
        seen.look([(one, at(epoch, 5.0)), (other, at(epoch, 7.0))], 2, 1)
    assert seen.rates(2) == {"a": 5.0, "b": 7.0}


def test_a_status_of_an_earlier_version_says_nothing_of_usage() -> None:
    assert usage({}) == usage({"attempts": []}) == usage({"attempts": [{"pid": 3}]}) == {}
