"""What λ does from its smallest to its largest value, and how sure that is."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas

_METRICS = {"R_nat": "R_nat", "R_hyp_minus": "R_hyp⁻"}


def trend(label: str, runs: pandas.DataFrame) -> str | None:
    """One line on how natural and hypocritical risk differ between the largest and the smallest λ.

    The difference is taken seed by seed, since runs of one seed share initialisation and batches; its interval
    is Student's t at 95 %.

    Args:
        label: how the line begins, the defense.
        runs: those of one defense in one experiment (rows of `collect`).

    Returns:
        None when fewer than two seeds are done at both ends, or there is one λ only.
    """
    done = runs[(runs["state"] == "done") & runs["lambda_value"].notna()]
    values = sorted(done["lambda_value"].unique())
    if len(values) < 2:
        return None
    low, high = (
        done[done["lambda_value"] == value].drop_duplicates("seed").set_index("seed")
        for value in (values[0], values[-1])
    )
    parts = [_difference(100 * (high[metric] - low[metric]).dropna(), name) for metric, name in _METRICS.items()]
    found = [part for part in parts if part is not None]
    if not found:
        return None
    ends = f"λ {low['lambda'].iloc[0]} → {high['lambda'].iloc[0]}"
    return f"{label}, {ends}: {'; '.join(found)} (points, paired by seed, 95 % t interval)"


def _difference(differences: pandas.Series, name: str) -> str | None:
    from scipy import stats

    n = len(differences)
    if n < 2:
        return None
    mean = differences.mean()
    half = stats.t.ppf(0.975, n - 1) * differences.std() / n**0.5
    return f"{name} {mean:+.2f} [{mean - half:+.2f}, {mean + half:+.2f}], n = {n}"
