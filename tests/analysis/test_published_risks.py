"""Risks that follow from the published accuracies."""

from __future__ import annotations

import pytest

from analysis.paper.published import table


@pytest.mark.parametrize("number", [3, 8, 9, 10, 11, 12, 13])
def test_they_are_those_of_the_definitions_and_theorem_4_4(number: int) -> None:
    for row in table(f"tao2022/table{number}"):
        printed = {metric: figure.mean for (_, metric), figure in row.figures.items()}
        D, A, F = (printed[metric] for metric in ("D", "A", "F"))
        means = row.means
        assert printed.items() <= means.items()  # what is printed stays as it is
        assert means["R_adv"] == pytest.approx(100 - A)
        assert means["R_hyp"] == F
        assert means["R_nat"] == pytest.approx(100 - D)
        assert means["R_hyp_minus"] == pytest.approx(100 * (F - D) / (100 - D), abs=0.1)  # of two decimals


def test_nothing_follows_from_what_is_not_there() -> None:
    """Table 14 has F of four attacks, and no A."""
    for row in table("tao2022/table14"):
        assert row.means.keys() == {"D", "R_nat"}
