"""Two methods, cell by cell: what differs over the seeds, and on how many examples their models disagree."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from analysis.tables.cells import SYMBOLS, Block, Cell, blocks
from hypo.settings import checks
from hypo.settings.errors import InputError

if TYPE_CHECKING:
    import pandas

_FLAGS = {"D": "correct", "A": "adv", "F": "hyp"}
"""The flag of examples.parquet that decides each accuracy."""

_METRICS = ("D", "A", "F", "R_adv_plus", "R_hyp_minus")
"""Those of the table but R_nat, which is 100 - D."""

_ROUNDING = 1e-9

ONE_SEED = "says nothing of how another training would come out"
"""What there is to know of a difference at one seed."""


@dataclass(frozen=True)
class Disagreement:
    """How two models of one seed, or of several, differ on single test examples in one accuracy.

    Attributes:
        examples: how many were compared, over all seeds.
        first_only, second_only: on how many of them one of the two has the better outcome, over all seeds.
        p: McNemar's exact p for each seed, in the seeds' order; pooled it would count each image once a seed.
    """

    examples: int
    first_only: int
    second_only: int
    p: tuple[float, ...]

    @property
    def agreement(self) -> float:
        """Percent of the examples on which both have the same outcome."""
        return 100 * (1 - (self.first_only + self.second_only) / self.examples)


@dataclass(frozen=True)
class Difference:
    """One metric in one pair of cells; means and points in percent.

    Attributes:
        heading: the experiment. lambdas: of the first and of the second, as typed, "" for one that has none.
        first, second: means over the seeds that both have.
        seeds: how many those are; differences are taken seed by seed.
        low, high, p: Student's 95 % interval and two-sided p of the mean difference; NaN at one seed, and where
            all seeds differ by the same.
        disagreement: for an accuracy, on single examples; None for a risk, and where test sets differ or cannot be
            read.
        warnings: what findings of the runs of either cell warn of.
    """

    heading: str
    methods: tuple[str, str]
    lambdas: tuple[str, str]
    metric: str
    first: float
    second: float
    seeds: int
    low: float
    high: float
    p: float
    disagreement: Disagreement | None
    warnings: tuple[str, ...]

    @property
    def points(self) -> float:
        """The first minus the second."""
        return self.first - self.second

    @property
    def sentence(self) -> str:
        """What the numbers say, and no more."""
        return self.claim if self.seeds > 1 else f"{self.claim.removesuffix('.')}, which {ONE_SEED}."

    @property
    def claim(self) -> str:
        """The sentence in a text that says once what one seed does not tell."""
        (first, second), at = self.methods, ""
        if self.lambdas[0] == self.lambdas[1]:
            at = f" at λ = {self.lambdas[0]}" if self.lambdas[0] else ""
        else:
            first, second = map(at_lambda, self.methods, self.lambdas)
        what = f"{SYMBOLS[self.metric]}{at}: {first} {self.first:.2f}, {second} {self.second:.2f}"
        if self.seeds == 1:
            return f"{what}; one seed."
        if math.isnan(self.p):
            same = f"{self.points:+.2f} points in each of {self.seeds} seeds"
            return f"{what}; {same}, without a spread to judge it by."
        interval = f"[{self.low:+.2f}, {self.high:+.2f}]"
        if self.p >= 0.05:
            return f"{what}; {self.seeds} seeds do not tell them apart ({self.points:+.2f} points {interval})."
        than = "higher" if self.points > 0 else "lower"
        return f"{what}; {first} is {than} by {abs(self.points):.2f} points {interval} over {self.seeds} seeds."


def at_lambda(method: str, lambda_: str) -> str:
    """As it is typed: "thrm:10", or "standard" for one without λ."""
    return f"{method}:{lambda_}" if lambda_ else method


def compare(frame: pandas.DataFrame, first: str, second: str) -> list[Difference]:
    """Compare two methods in every experiment among the runs of `frame` (from `collect`).

    A method is a defense, "thrm", which is compared at every λ that both have (one without λ with all of the
    other's), or a defense at one λ, "thrm:10".

    Raises:
        InputError: no experiment has both.
    """
    found = [difference for block in blocks(frame) for difference in _in_block(frame, block, first, second)]
    if not found:
        done = [cell for block in blocks(frame) for cell in block.cells if cell.done]
        known = dict.fromkeys(at_lambda(cell.defense, cell.lambda_) for cell in done)
        raise InputError(
            f"{first} and {second}: no experiment here has finished seeds of both at a common λ; "
            f"a method is a defense or defense:λ, of {', '.join(known) or 'no finished run'}"
        )
    return found


def _in_block(frame: pandas.DataFrame, block: Block, first: str, second: str) -> Iterator[Difference]:
    for one in _cells(block, first):
        for other in _cells(block, second):
            chosen = ":" in first or ":" in second or not (one.lambda_ and other.lambda_)
            if chosen or one.lambda_value == other.lambda_value:
                yield from _differences(frame, block, one, other)


def _cells(block: Block, method: str) -> list[Cell]:
    defense, colon, lambda_ = method.partition(":")
    named = [cell for cell in block.cells if cell.done and cell.defense == defense]
    if not colon:
        return named
    value = checks.number("λ of a method such as thrm:10", lambda_)
    return [cell for cell in named if cell.lambda_value == value]


def _differences(frame: pandas.DataFrame, block: Block, one: Cell, other: Cell) -> Iterator[Difference]:
    import pandas
    from scipy import stats

    done = (frame[frame["directory"].isin(cell.done)] for cell in (one, other))
    first, second = (runs.drop_duplicates("seed").set_index("seed") for runs in done)
    shared = first.index.intersection(second.index).sort_values()
    for metric in _METRICS:
        of_both = {"first": first.loc[shared, metric], "second": second.loc[shared, metric]}
        pairs = 100 * pandas.DataFrame(of_both).dropna()
        if pairs.empty:
            continue
        low = high = p = math.nan
        differences = pairs["first"] - pairs["second"]
        if len(pairs) > 1 and differences.std() > _ROUNDING:
            tested = stats.ttest_1samp(differences, 0)
            low, high = tested.confidence_interval(0.95)
            p = float(tested.pvalue)
        yield Difference(
            heading=block.heading,
            methods=(one.defense, other.defense),
            lambdas=(one.lambda_, other.lambda_),
            metric=metric,
            first=float(pairs["first"].mean()),
            second=float(pairs["second"].mean()),
            seeds=len(pairs),
            low=float(low),
            high=float(high),
            p=p,
            disagreement=_disagreement(first.loc[shared], second.loc[shared], metric),
            warnings=tuple(dict.fromkeys((*one.warnings, *other.warnings))),
        )


def _disagreement(first: pandas.DataFrame, second: pandas.DataFrame, metric: str) -> Disagreement | None:
    import pandas
    from scipy import stats

    if metric not in _FLAGS:
        return None
    flag, examples, one_only, other_only, p = _FLAGS[metric], 0, 0, 0, []
    for one, other in zip(first["directory"], second["directory"], strict=True):
        paths = [Path(run) / "examples.parquet" for run in (one, other)]
        if not all(path.exists() for path in paths):
            return None
        try:
            tables = [pandas.read_parquet(path, columns=["example", "label", flag]) for path in paths]
        except (OSError, ValueError):  # a broken file costs this comparison, no other
            return None
        if not tables[0][["example", "label"]].equals(tables[1][["example", "label"]]):
            return None
        # An adversary's success is the model's failure.
        good = [table[flag] != (flag == "adv") for table in tables]
        ours, theirs = int((good[0] & ~good[1]).sum()), int((good[1] & ~good[0]).sum())
        examples, one_only, other_only = examples + len(good[0]), one_only + ours, other_only + theirs
        p.append(float(stats.binomtest(ours, ours + theirs).pvalue) if ours + theirs else 1.0)
    return Disagreement(examples, one_only, other_only, tuple(p))
