"""What is swept over λ: each combination of all else but the seed has a front of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from hypo.jobs.job import Job
from hypo.runs import status as run_status
from hypo.settings import checks
from hypo.settings.errors import InputError
from launchers.front.steps import Point

Words = Sequence[str]
"""One cell, as it is typed."""


@dataclass
class Method:
    """One front.

    Attributes:
        words: what all of its cells have, without λ and seed.
        jobs: by λ, one for each seed; there are no others, so that more of them may come.
        cells: one for each seed, with any λ.
    """

    words: tuple[str, ...]
    jobs: dict[float, list[Job]] = field(default_factory=dict)
    cells: list[Words] = field(default_factory=list)

    def add(self, cell: Words, job: Job) -> None:
        """Take in a cell, which is one of this method's; one that is there already is left out."""
        of_lambda = self.jobs.setdefault(lambda_of(job), [])
        if job.run_id not in (other.run_id for other in of_lambda):
            of_lambda.append(job)
        without = _without(cell, "lambda")
        if without not in (_without(other, "lambda") for other in self.cells):
            self.cells.append(cell)

    def cells_at(self, lambda_: float) -> list[list[str]]:
        """The cells of all seeds at another λ."""
        return [[_at(word, lambda_) if _key(word) == "lambda" else word for word in cell] for cell in self.cells]

    def measured(self) -> tuple[list[Point], dict[float, str]]:
        """The λ of which all seeds have both risks, and why the others do not."""
        points, lost = [], {}
        for lambda_, jobs in self.jobs.items():
            found = {job.experiment.seed: risks(job) for job in jobs}
            reasons = [each for each in found.values() if isinstance(each, str)]
            if reasons:
                lost[lambda_] = reasons[0]
            else:
                of_seeds = {seed: each for seed, each in found.items() if not isinstance(each, str)}
                points.append(Point(lambda_, of_seeds))
        return points, lost


def methods(cells: Sequence[Words], jobs: Sequence[Job]) -> list[Method]:
    """The methods among `cells` and their jobs that have several λ; all else is run and left as it is.

    Raises:
        InputError: when there is none.
    """
    found: dict[tuple[str, ...], Method] = {}
    for cell, job in zip(cells, jobs, strict=True):
        if job.config["lambda"] is not None:
            words = _without(_without(cell, "lambda"), "seed")
            found.setdefault(words, Method(words)).add(cell, job)
    several = [method for method in found.values() if len(method.jobs) > 1]
    if not several:
        values = dict.fromkeys(f"{lambda_:g}" for method in found.values() for lambda_ in method.jobs)
        raise InputError(
            "lambda: hydra/sweeper=front begins between two values or more of a defense that has λ, "
            f"such as defense=thrm lambda=0,100; got {f'λ = {next(iter(values))}' if values else 'no λ'}"
        )
    return several


def names(of: Sequence[Method]) -> list[str]:
    """What the methods differ in: thrm, or thrm arch=lenet; "" where there is one alone."""
    everywhere = set.intersection(*(set(method.words) for method in of))
    return [
        " ".join(word.removeprefix("defense=") for word in method.words if word not in everywhere) for method in of
    ]


def lambda_of(job: Job) -> float:
    """λ of a job that has one."""
    return checks.number("lambda", job.config["lambda"])


def risks(job: Job) -> tuple[float, float] | str:
    """R_nat and R_hyp⁻ of a job, in percent, or why it has not both."""
    try:
        result: Mapping[str, float | None] | None = job.directory.result()
    except InputError as error:
        return str(error)
    if result is None:
        status = run_status.read(job.directory.path)
        return str(status.get("reason") or f"it is {status.get('state', 'missing')}")
    natural, hypocritical = result.get("R_nat"), result.get("R_hyp_minus")
    if natural is None or hypocritical is None:
        return "hypocritical risk is undefined, no test example is misclassified"
    return 100 * natural, 100 * hypocritical


def _without(cell: Words, key: str) -> tuple[str, ...]:
    return tuple(word for word in cell if _key(word) != key)


def _key(word: str) -> str:
    return word.partition("=")[0].lstrip("+")


def _at(word: str, lambda_: float) -> str:
    return f"{word.partition('=')[0]}={lambda_:g}"
