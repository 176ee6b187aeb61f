"""What the numbers say, in sentences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from analysis.audit.numbers import Number, plain
from analysis.audit.worst import ByClass
from analysis.report.found import UNKNOWN, Found
from hypo.measurements.searched import SoFar


def headline(numbers: Mapping[str, Number]) -> str:
    """The one sentence to remember: what can be hidden, and what can be broken."""
    hidden, broken = numbers["R_hyp_minus"], numbers["R_adv_plus"]
    if hidden.value is None:
        friend = "There is no mistake among these images, so that a false friend has none to hide"
    elif hidden.counts:
        friend = f"Of its {hidden.of:,} mistakes a false friend hides {hidden.count:,} ({hidden.percent})"
    else:
        friend = f"Of its mistakes a false friend hides {hidden.percent}"
    if broken.value is None:
        adversary = "no prediction is correct, so that an adversary has none to break"
    elif broken.counts:
        adversary = (
            f"of its {broken.of:,} correct predictions an adversary breaks {broken.count:,} ({broken.percent})"
        )
    else:
        adversary = f"of its correct predictions an adversary breaks {broken.percent}"
    return f"{friend}; {adversary}."


def sentences(
    numbers: Mapping[str, Number],
    certified: Mapping[str, Number],
    searches: Sequence[SoFar],
    classes: ByClass | None,
    findings: Sequence[Found],
) -> Iterator[str]:
    """The rest, each on its own.

    Args:
        numbers: the metrics by name.
        certified: what no attack can exceed, by the name of the metric that it bounds.
        searches: as of `searches.in_turn`.
    """
    clean, adversarial, friendly = (numbers[name] for name in ("D", "A", "F"))
    yield (
        f"Untouched, {_of(clean)} are classified correctly. Moved by an adversary within the threat model, "
        f"no more than {_share(adversarial)} are; moved by a false friend, no fewer than {_share(friendly)}."
    )
    if gain := numbers["G_hyp"].value:
        yield (
            "Whoever verifies the model on images that a false friend has touched sees an accuracy that is at "
            f"least {plain(gain)} points too good."
        )
    yield from _certified(numbers, certified)
    yield from _alone(searches[0]) if len(searches) == 1 else _against_the_first(searches)
    yield from _medians(findings)
    if classes and len(classes.rows) > 1:
        name, by = classes.rows[0]
        clean_there, left_there = (plain(by[key]["value"]) for key in ("D", "A"))
        yield (
            f"The average hides differences between classes: of the images of class {name}, the worst, "
            f"{clean_there} % are classified correctly and {left_there} % withstand an adversary."
        )


def masking(findings: Sequence[Found]) -> str:
    """Whether attacks along the gradient are to be believed, as far as that was looked for."""
    for finding in findings:
        for share, line in finding.shares:
            if share.name == "masking_signs":
                signs = f"{line.counts} signs that were looked for"
                if finding.warning:
                    return f"The model seems to mask its gradient, {signs}: see the warning above."
                return f"Nothing says that the model masks its gradient: {signs}."
    return "Whether the model masks its gradient was not looked for (measurement=[masking] does)."


def _certified(numbers: Mapping[str, Number], certified: Mapping[str, Number]) -> Iterator[str]:
    for name, begin, of in (
        ("R_hyp_minus", "No false friend whatever hides more than", "mistakes"),
        ("R_adv_plus", "No adversary whatever breaks more than", "correct predictions"),
    ):
        bound, found = certified.get(name, Number(None)).value, numbers[name].value
        if bound is not None and found is not None:
            yield f"{begin} {plain(bound)} % of the {of}: that is certified, and {plain(found)} % were found."


def _medians(findings: Sequence[Found]) -> Iterator[str]:
    """How little suffices, where the radii were measured in the run's own norm."""
    known = {number.name: text for finding in findings for number, text in finding.numbers}
    for name, said in (
        ("hypocritical_radius", "Half of the mistakes are hidden"),
        ("adversarial_radius", "Half of the correct predictions are broken"),
    ):
        if known.get(name, UNKNOWN) != UNKNOWN:
            yield f"{said} by perturbations no larger than {known[name]}."


def _alone(search: SoFar) -> Iterator[str]:
    yield (
        f"The risks were found by a single search, {search.search}, and are lower bounds: another search may find "
        "more (evaluation=strongest makes several)."
    )


def _against_the_first(searches: Sequence[SoFar]) -> Iterator[str]:
    """What the first search alone would have said, and what all cost; nothing where there are none."""
    if not searches:
        return
    first, last = searches[0], searches[-1]
    said = []
    for symbol, name in (("R_adv⁺", "R_adv_plus"), ("R_hyp⁻", "R_hyp_minus")):
        values = [each.shares[name] for each in (first, last)]
        alone, together = (None if value is None else plain(value) for value in values)
        if alone != together:
            said.append(f"{symbol} {alone} % instead of {together} %")
    times = last.relative_passes
    cost = "" if times is None else f", in {times:.1f} times the passes of the first"
    yield (
        f"The risks are what {len(searches)} searches found together{cost}. The first alone, {first.search}, "
        f"would have said {' and '.join(said) or 'the same, to a tenth of a point'}."
    )
    yield "What is found is a lower bound of the risks: a search that nobody made may find more."


def _of(number: Number) -> str:
    return f"{number.counts} images ({number.percent})" if number.counts else f"{number.percent} of the images"


def _share(number: Number) -> str:
    return f"{number.percent} {number.interval}".strip()
