"""Why a λ was chosen, and what is left in the end, each in one line."""

from __future__ import annotations

from collections.abc import Sequence

from launchers.front.choosing import Choice
from launchers.front.steps import Step


def reason(name: str, choice: Choice) -> str:
    """`thrm λ = 14: between 10 and 20 hypocritical risk falls 19 points`."""
    return f"{_named(name)}λ = {choice.lambda_:g}: {_what(choice.step)}"


def lost(name: str, lambda_: float, why: str) -> str:
    """Why a λ is left out."""
    return f"{_named(name)}λ = {lambda_:g} is left out: {why}"


def without_result(runs: int) -> str:
    """What the user of a launcher that leaves is to do."""
    if runs == 1:
        return "1 run has no result yet; the same command chooses on when it has"
    return f"{runs} runs have no result yet; the same command chooses on when they have"


def left(name: str, steps: Sequence[Step], gap: float) -> str:
    """What is the largest gap of a method, and why it stays."""
    if not steps:
        return f"{_named(name)}fewer than two λ have a result"
    said = f"{_named(name)}{len(steps) + 1} λ, "
    widest = max(steps, key=lambda step: step.change.size)
    if widest.change.size <= gap:
        return f"{said}no gap wider than {gap:g} points; the largest: {_what(widest)}"
    why = widest.why_not or "the budget is spent"
    return f"{said}the largest gap: {_what(widest)}; {why}"


def _what(step: Step) -> str:
    change = step.change
    verb = "rises" if change.points > 0 else "falls"
    return f"between {step.low:g} and {step.high:g} {change.risk} {verb} {change.size:.3g} points"


def _named(name: str) -> str:
    return f"{name} " if name else ""
