"""What is said of a long evaluation where there is no terminal, and beside the bar where there is one."""

from __future__ import annotations

import io
from dataclasses import dataclass
from itertools import pairwise

import pytest
from rich.console import Console

from hypo.command_line.console import Bars, Lines, bars
from hypo.command_line.result_tables import searches_table


@dataclass
class Clock:
    seconds: float = 1000.0

    def __call__(self) -> float:
        return self.seconds


class Printed:
    """An observer whose clock is set, and what it prints."""

    def __init__(self) -> None:
        self.clock, self.file = Clock(), io.StringIO()
        self.lines = Lines(Console(file=self.file, width=100), self.clock)

    def after(self, seconds: float, done: int, total: int) -> list[str]:
        self.clock.seconds += seconds
        before = len(self.file.getvalue())
        self.lines.evaluating(done, total)
        return self.file.getvalue()[before:].splitlines()


@pytest.fixture
def printed() -> Printed:
    return Printed()


def test_a_short_evaluation_says_nothing(printed: Printed) -> None:
    assert [line for done in range(30) for line in printed.after(0.9, done, 29)] == []


def test_a_long_one_says_every_half_minute_how_far_it_is_and_how_long_the_rest_takes(printed: Printed) -> None:
    assert printed.after(0, 0, 1000) == []
    assert printed.after(29, 100, 1000) == []
    printed.lines.decided(1234, 2000)
    assert printed.after(1, 200, 1000) == [
        "attacking: 20.0 % is done, 1,234 of 2,000 examples are decided; about 0:02:00 left"
    ]
    assert printed.after(29, 300, 1000) == []
    assert printed.after(1, 400, 1000) == [
        "attacking: 40.0 % is done, 1,234 of 2,000 examples are decided; about 0:01:30 left"
    ]
    assert printed.after(400, 1000, 1000) == []  # that it is over is seen by what comes next


def test_the_longer_it_takes_the_rarer_are_its_lines(printed: Printed) -> None:
    said = [second for second in range(36_000) if printed.after(1, second, 36_000)]
    assert 40 < len(said) < 80
    assert said[0] < 35
    assert all(later - earlier >= 30 for earlier, later in pairwise(said))


def test_what_an_earlier_attempt_did_says_nothing_of_how_fast_this_one_is(printed: Printed) -> None:
    printed.after(0, 900, 1000)
    assert printed.after(30, 900, 1000) == []  # nothing is known yet
    assert printed.after(30, 950, 1000) == ["attacking: 95.0 % is done; about 0:01:00 left"]


def test_each_attack_has_a_clock_of_its_own(printed: Printed) -> None:
    for total in (1000, 2000, 1000):
        assert printed.after(0, 0, total) == []
        assert printed.after(20, total // 2, total) == []
        printed.after(20, total, total)


def test_what_is_measured_after_the_attacks_is_named_and_timed_by_itself(printed: Printed) -> None:
    printed.after(0, 0, 1000)
    printed.lines.decided(7, 9)
    printed.after(100, 900, 1000)
    printed.lines.measuring("radius")
    assert printed.after(0, 900, 1000) == []
    assert printed.after(30, 950, 1000) == ["measuring radius: 95.0 % is done; about 0:00:30 left"]


def test_the_bar_goes_on_where_an_earlier_attempt_was_and_says_what_is_decided() -> None:
    with bars(Console(file=io.StringIO())) as progress:
        shown = Bars(progress)
        shown.evaluating(600, 1000)
        (task,) = progress.tasks
        assert (task.completed, task.total, task.description) == (600, 1000, "attacking")
        assert not task.speed
        shown.decided(1300, 2000)
        shown.evaluating(700, 1000)
        assert (task.completed, task.description) == (700, "attacking, 1,300 of 2,000 decided")
        shown.evaluating(1000, 1000)
        shown.measuring("radius")
        shown.evaluating(0, 40)
        hidden, task = progress.tasks
        assert (hidden.visible, task.visible) == (False, True)
        assert (task.completed, task.total, task.description) == (0, 40, "measuring radius")


def test_several_searches_are_set_beside_the_first_with_the_difference_and_the_cost() -> None:
    found = {"D": 0.9, "A": 0.45, "F": 0.97, "R_adv_plus": 0.5, "R_hyp_minus": None}
    several = {
        "attack": {"adv": 400, "hyp": 60, "sta": 70, "passes": 10_000},
        "fmn": {"adv": 50, "hyp": 10, "sta": 1, "passes": 24_000},
    }
    console = Console(file=io.StringIO(), width=100)
    console.print(searches_table({**found, "searches": several}))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    rows = [[cell.strip() for cell in line.strip("│").split("│")] for line in text.splitlines() if "│" in line]
    assert rows == [
        ["attack alone", "50.00", "96.00", "44.44", "–", "10,000"],
        ["all 2 searches", "45.00", "97.00", "50.00", "–", "34,000"],
        ["difference", "-5.00", "+1.00", "+5.56", "–", ""],
    ]
    assert "3.4 × the passes of the first search" in " ".join(text.split())
    for by in several.values():
        del by["passes"]
    console.print(searches_table({**found, "searches": several}))  # a run of before they were counted
    assert "×" not in console.file.getvalue()[len(text) :]  # type: ignore[attr-defined]
