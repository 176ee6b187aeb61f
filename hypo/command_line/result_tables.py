"""What a result.json holds, for the console: tables of shares, and a line for each plain number."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.table import Table

from hypo.measurements.finding import certifying
from hypo.measurements.searched import so_far

LABELS = {
    "D": "D, clean accuracy",
    "A": "A, adversarial accuracy",
    "F": "F, false-friend accuracy",
    "R_nat": "R_nat, natural risk",
    "R_adv_plus": "R_adv⁺, adversarial risk on D⁺",
    "R_hyp_minus": "R_hyp⁻, hypocritical risk on D⁻",
    "R_sta": "R_sta, stability risk",
}

SHARES_OF_SEARCHES = {"A": "A", "F": "F", "R_adv_plus": "R_adv⁺", "R_hyp_minus": "R_hyp⁻"}


def result_table(result: Mapping[str, Any]) -> Table:
    """The main figures of one result.json and what else was measured, in percent, with counts and intervals.

    Where something is certified, the true share lies between what was found and what is certified.
    """
    table = Table(caption=f"{result['n']:,} test examples; in brackets the 95 % interval", caption_justify="left")
    table.add_column("")
    table.add_column("percent", justify="right")
    table.add_column("count", justify="right")
    table.add_column("interval", justify="right")
    found = {
        share: f"{share}, {about['about']}"
        for each in result["findings"].values()
        for share, about in each["shares"].items()
    }
    labels, certified = LABELS | found, certifying(result["findings"])
    if certified:
        table.add_column("found and\ncertified", justify="right")
    for name, label in labels.items():
        count, value, interval = result["counts"][name], result[name], result["intervals"][name]
        table.add_row(
            label,
            "–" if value is None else f"{100 * value:.2f}",
            f"{count['count']:,} of {count['of']:,}",
            "–" if interval is None else f"[{100 * interval[0]:.1f}, {100 * interval[1]:.1f}]".replace("[", r"\["),
            *([_between(result, name, certified)] if certified else []),
        )
    return table


def searches_table(result: Mapping[str, Any]) -> Table:
    """What the first search of one result.json finds alone, beside what all of them do, and what that takes."""
    steps = so_far(result)
    first, last = steps[0], steps[-1]
    names = ", ".join(step.search for step in steps)
    caption, passes = f"percent, and points; in turn {names}", ["–", "–", ""]
    if first.passes is not None and last.relative_passes is not None:
        passes = [f"{first.passes:,}", f"{sum(step.passes or 0 for step in steps):,}", ""]
        caption += f"; {last.relative_passes:.1f} × the passes of the first search"
    table = Table(caption=caption, caption_justify="left")
    for heading in ("", *SHARES_OF_SEARCHES.values(), "passes"):
        table.add_column(heading, justify="right" if heading else "left")
    alone, found = ([step.shares[name] for name in SHARES_OF_SEARCHES] for step in (first, last))
    more = [None if one is None or all_ is None else all_ - one for one, all_ in zip(alone, found, strict=True)]
    all_of_them = f"all {len(steps)} searches"
    told = [(f"{first.search} alone", alone, ""), (all_of_them, found, ""), ("difference", more, "+")]
    for (name, shares, sign), count in zip(told, passes, strict=True):
        table.add_row(name, *("–" if each is None else f"{100 * each:{sign}.2f}" for each in shares), count)
    return table


def _between(result: Mapping[str, Any], name: str, certified: Mapping[str, str]) -> str:
    """What lies between the share `name` as it was found and as it is certified, in percent."""
    found, bound = (result.get(each) for each in (name, certified.get(name, "")))
    if found is None or bound is None:
        return ""
    low, high = sorted((found, bound))
    return rf"\[{100 * low:.2f}, {100 * high:.2f}]"


def number_lines(result: Mapping[str, Any]) -> list[str]:
    """A line for each plain number that was measured besides, with its unit."""
    return [
        f"{about['about']}: {_shown(result[name], about['unit'])}"
        for each in result["findings"].values()
        for name, about in each.get("numbers", {}).items()
    ]


def _shown(value: float | None, unit: str | None) -> str:
    return "unknown" if value is None else f"{value:.4g} {unit or ''}".rstrip()
