"""What is said about λ, against differences and intervals taken by hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from analysis.reading.collect import collect
from analysis.tables.tables import latex, markdown, tradeoff_table

MakeRun = Callable[..., Path]


def trends(outputs: Path) -> tuple[str, ...]:
    return tradeoff_table(collect(outputs)).trends


def test_differences_are_paired_by_seed(make_run: MakeRun, outputs: Path) -> None:
    # R_nat rises by 1, 2 and 3 points: mean 2, std 1, t(0.975, 2) = 4.3027, half width 4.3027 / sqrt(3) = 2.48.
    for seed, (low, high) in enumerate([(0.04, 0.05), (0.03, 0.05), (0.02, 0.05)]):
        make_run(outputs, defense="thrm", lambda_=0, seed=seed, R_nat=low, R_hyp_minus=0.9)
        make_run(outputs, defense="thrm", lambda_=5, seed=seed, R_nat=0.5, R_hyp_minus=0.1)
        make_run(outputs, defense="thrm", lambda_=100, seed=seed, R_nat=high, R_hyp_minus=0.7)
    assert trends(outputs) == (
        "thrm, λ 0 → 100: R_nat +2.00 [-0.48, +4.48], n = 3; R_hyp⁻ -20.00 [-20.00, -20.00], n = 3 "
        "(points, paired by seed, 95 % t interval)",
    )


def test_only_seeds_that_are_done_at_both_ends_count(make_run: MakeRun, outputs: Path) -> None:
    for seed in range(3):
        make_run(outputs, lambda_=0, seed=seed, R_nat=0.04, R_hyp_minus=0.9)
        state = "failed" if seed == 1 else "done"
        make_run(outputs, lambda_=1, seed=seed, state=state, R_nat=0.05, R_hyp_minus=None if seed == 2 else 0.8)
    (line,) = trends(outputs)
    assert "R_nat +1.00 [+1.00, +1.00], n = 2" in line
    assert "R_hyp⁻" not in line


def test_nothing_is_said_of_one_seed_or_one_lambda(make_run: MakeRun, outputs: Path) -> None:
    make_run(outputs, defense="thrm", lambda_=0, seed=0)
    make_run(outputs, defense="thrm", lambda_=5, seed=0)
    for seed in range(3):
        make_run(outputs, defense="trades", lambda_=5, seed=seed)
        make_run(outputs, defense="standard", lambda_=None, seed=seed)
    assert trends(outputs) == ()


def test_it_stands_under_every_table(make_run: MakeRun, outputs: Path) -> None:
    for seed in range(2):
        make_run(outputs, lambda_=0, seed=seed)
        make_run(outputs, lambda_=5, seed=seed)
    table = tradeoff_table(collect(outputs))
    assert "λ 0 → 5: R_nat" in markdown(table)
    assert r"$\lambda$ 0 $\rightarrow$ 5" in latex(table)
