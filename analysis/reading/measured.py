"""What a run measured, as result.json and the summary in W&B have it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from analysis.escaping import one_line
from analysis.reading import checked_findings
from analysis.reading.checked_findings import fraction, plain_number
from analysis.reading.columns import METRICS, ends

_LATER = ("R_hyp_bar_minus", "G_adv", "G_hyp")
"""Those that version 0.1 did not measure, and its runs do not have."""

NOTHING: Mapping[str, Any] = {"findings": {}, "searches": {}}
"""What a run without a result has found."""


def measured(result: Mapping[str, Any], source: str = "result.json") -> tuple[dict[str, Any], str]:
    """The columns of `collect` that come from a result, null left out, and what is wrong with it.

    `source` is what `result` is. The columns are fractions and interval ends, those of the findings' shares too,
    the findings' numbers, `findings` and `searches`; where something is wrong, they are those of a run without a
    result.
    """
    entry = "findings"
    try:
        found = checked_findings.checked(result)
        entry = "searches"
        columns: dict[str, Any] = {"findings": found, "searches": checked_findings.searches(result)}
        shares = [name for finding in found.values() for name in finding["shares"]]
        for entry in (*METRICS, *shares):
            if entry not in _LATER or entry in result:
                columns |= _values(entry, result)
        for entry in (name for finding in found.values() for name in finding["numbers"]):
            if result.get(entry) is not None:  # W&B leaves out what is null
                columns[entry] = plain_number(result[entry])
    except KeyError as error:
        return dict(NOTHING), f"{source} is unreadable: it has no {error}"
    except (AttributeError, TypeError, ValueError) as error:
        return dict(NOTHING), one_line(f"{source} is unreadable: {entry}: {error}")
    return columns, ""


def _values(share: str, result: Mapping[str, Any]) -> dict[str, float]:
    intervals = result["intervals"]
    interval = intervals.get(share)
    # W&B leaves out what is null, but not inside of the intervals.
    value = result.get(share) if share in intervals and interval is None else result[share]
    values = [] if value is None else [(share, fraction(value))]
    if interval is not None:
        values += zip(ends(share)[1:], map(fraction, interval), strict=True)
    return dict(values)
