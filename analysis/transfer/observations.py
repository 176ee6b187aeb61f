"""The four observations of Section 4.2 of Tao et al. (2020), and whether these models bear them out.

The paper gives no numbers. Here a transfer is easy that hides half of the target's mistakes or more.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import fmean

from analysis.transfer.matrix import Cell
from analysis.transfer.models import Model

EASY = 0.5


def observations(cells: Sequence[Cell]) -> list[str]:
    """A sentence for every observation that there are models for, in the order of the paper."""
    found = (_natural(cells), _naive(cells), _defended(cells), _thrm(cells))
    return [sentence for sentence in found if sentence is not None]


def _natural(cells: Sequence[Cell]) -> str | None:
    rates = _rates(cells, _is("natural"), _is("natural"))
    if not rates:
        return None
    verdict = _agreement(fmean(rates) >= EASY, "easily", "not easily")
    return f"i) Between naturally trained models hypocritical examples hide {_said(rates)}: {verdict}."


def _naive(cells: Sequence[Cell]) -> str | None:
    away, back = _rates(cells, _is("naive"), _trained), _rates(cells, _trained, _is("naive"))
    if not (away and back):
        return None
    hard = fmean(away) < EASY and fmean(back) < EASY
    verdict = _agreement(hard, "hard", "not hard both ways")
    return f"ii) From naive models to trained ones they hide {_said(away)}; back {_said(back)}: {verdict}."


def _defended(cells: Sequence[Cell]) -> str | None:
    rates = _rates(cells, _is("natural"), _is("defended", "thrm"))
    if not rates:
        return None
    verdict = _agreement(fmean(rates) < EASY, "hard", "not hard")
    return f"iii) From naturally trained models to defended ones they hide {_said(rates)}: {verdict}."


def _thrm(cells: Sequence[Cell]) -> str | None:
    theirs = _rates(cells, _is("thrm"), _trained)
    others = _rates(cells, lambda model: _trained(model) and model.kind != "thrm", _trained)
    if not (theirs and others):
        return None
    verdict = _agreement(fmean(theirs) > fmean(others), "more", "not more")
    return (
        f"iv) From THRM models to trained ones they hide {_said(theirs)}; from others {_said(others)}: {verdict}."
    )


def _is(*kinds: str) -> Callable[[Model], bool]:
    return lambda model: model.kind in kinds


def _trained(model: Model) -> bool:
    return model.kind != "naive"


def _rates(cells: Sequence[Cell], source: Callable[[Model], bool], target: Callable[[Model], bool]) -> list[float]:
    """R_hyp⁻ of all pairs of two models, of which the target makes mistakes."""

    pairs = [cell for cell in cells if cell.source != cell.target and source(cell.source) and target(cell.target)]
    return [rate for cell in pairs if (rate := cell.hidden.value) is not None]


def _said(rates: Sequence[float]) -> str:
    mean, low, high = (f"{100 * rate:.1f}" for rate in (fmean(rates), min(rates), max(rates)))
    return (
        f"{mean} % of the mistakes (1 pair)"
        if len(rates) == 1
        else (f"{mean} % of the mistakes (mean of {len(rates)} pairs, {low} to {high} %)")
    )


def _agreement(agrees: bool, so: str, otherwise: str) -> str:
    return f"{so}, as in the paper" if agrees else f"{otherwise}, unlike in the paper"
