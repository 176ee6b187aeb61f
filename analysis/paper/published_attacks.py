"""The attacks of the published tables by what they do, whatever the option is called that a run chose."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from analysis.reading.setting_values import is_recorded, same, written

_PGD = {
    "evaluation.attack._target_": "ProjectedGradient",
    "evaluation.attack.relative_step": 0.25,
    "evaluation.attack.restarts": 1,
    "evaluation.objective": "cross_entropy",
    "evaluation.then": [],
}
_ATTACKS: Mapping[str, Mapping[str, Any]] = {
    "pgd-20": {**_PGD, "evaluation.attack.steps": 20},
    "pgd-100": {**_PGD, "evaluation.attack.steps": 100},
    "cw-100": {**_PGD, "evaluation.attack.steps": 100, "evaluation.objective": "margin"},
    "fgsm": {**_PGD, "evaluation.attack.steps": 1, "evaluation.attack.relative_step": 1},
    "pgd-50x20": {
        **_PGD,
        "evaluation.attack.steps": 50,
        "evaluation.attack.relative_step": 0.1,
        "evaluation.attack.restarts": 20,
    },
    "pgd-50": {**_PGD, "evaluation.attack.steps": 50, "evaluation.attack.relative_step": 1 / 8},
}
"""Tao et al. (2022), Appendix A.2 and Table 14, the step of C&W-100 being in the code alone; and the two of Tao et
al. (2020), Appendix A.2, the latter on ImageNet."""

_CONVENTIONS = (("uniform", "any_iterate"), ("authors_code", "last_iterate"))
"""Starts and scoring: the paper says random and is silent on scoring; the second is its code's."""

_STEPS = "evaluation.attack.steps"


def is_of_the_attack(key: str) -> bool:
    """Whether the single setting `key` says what the attack does, so that the columns of a row differ in it."""
    return key.startswith(("evaluation.attack.", "evaluation.then.")) or key in (
        "evaluation.then",
        "evaluation.objective",
        "evaluation.success",
        "evaluation.surrogate",
        "evaluation.gradients",
    )


def attack_of(run: Mapping[str, Any]) -> str:
    """What the tables call the attack of `run` (a row of `collect`), "" where none has it.

    A setting that an older run did not record is not known to differ; the number of steps always is.
    """
    if not is_recorded(run.get(_STEPS)):
        return ""
    return next((name for name in _ATTACKS if not difference(run, [name])), "")


def difference(run: Mapping[str, Any], attacks: Iterable[str]) -> str:
    """In what the attack of `run` differs from the nearest of `attacks`, "" where it is one of them."""
    found = [_differing(run, wanted) for name in attacks if name in _ATTACKS for wanted in _readings(run, name)]
    return ", ".join(f"{key} = {written(run[key])}" for key in min(found, key=len, default=[]))


def _readings(run: Mapping[str, Any], name: str) -> Iterator[Mapping[str, Any]]:
    """The attack's settings by each convention."""
    # Of ℓ∞-dist nets the paper attacks the net itself (Table 16); of others there is no surrogate to leave out.
    surrogate = run["arch"] != "linf_dist_net"
    for start, success in _CONVENTIONS:
        start = "clean" if name == "fgsm" else start
        conventions = {
            **{"evaluation.attack.start": start, "evaluation.success": success, "evaluation.gradients": "float32"}
        }
        yield {**_ATTACKS[name], **conventions, "evaluation.surrogate": surrogate}


def _differing(run: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[str]:
    return [
        key
        for key, value in run.items()
        if is_of_the_attack(key) and is_recorded(value) and not (key in wanted and same(value, wanted[key]))
    ]
