"""The fractions that a run measures, as result.json and the summary in W&B have them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from analysis.escaping import one_line

METRICS = (
    "D",
    "A",
    "F",
    "R_nat",
    "R_adv",
    "R_adv_plus",
    "R_hyp",
    "R_hyp_minus",
    "R_hyp_bar_minus",
    "R_sta",
    "R_sta_minus",
    "G_adv",
    "G_hyp",
)
"""The fractions that every run measures; each also has the columns `<metric>_lower` and `<metric>_upper`."""

_LATER = ("R_hyp_bar_minus", "G_adv", "G_hyp")
"""Those that a result of version 0.1 does not have."""

CERTIFIED = (
    "A_certified",
    "F_certified",
    "R_adv_plus_certified",
    "R_hyp_minus_certified",
    "R_sta_minus_certified",
)
"""The fractions that only networks with a guarantee have, with columns of the same kinds."""


def metrics(result: Mapping[str, Any], source: str = "result.json") -> tuple[dict[str, float], str]:
    """Metrics and interval ends, null left out, and what is wrong with them; `source` is what `result` is."""
    values: dict[str, float] = {}
    try:
        for metric in (*METRICS, *CERTIFIED):
            if metric in (*_LATER, *CERTIFIED) and metric not in result:
                continue
            if result[metric] is not None:
                values[metric] = _fraction(result[metric])
            if result["intervals"].get(metric) is not None:
                lower, upper = result["intervals"][metric]
                values |= {f"{metric}_lower": _fraction(lower), f"{metric}_upper": _fraction(upper)}
    except KeyError as error:
        return {}, f"{source} is unreadable: it has no {error}"
    except (AttributeError, TypeError, ValueError) as error:
        return {}, one_line(f"{source} is unreadable: {metric}: {error}")
    return values, ""


def _fraction(value: Any) -> float:
    """`value` as what it has to be; ValueError or TypeError for anything else."""
    found = float(value)
    if not 0 <= found <= 1:  # NaN neither
        raise ValueError(f"{value} is no fraction in [0, 1]")
    return found
