"""Which cells a rule is for: `when: {arch: [resnet18, vgg16], lambda: 5}`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hypo.jobs.job import Job
from hypo.settings import checks
from hypo.settings.identity import GROUPS

_NUMBERS = ("lambda", "epsilon", "seed")

Conditions = Mapping[str, Sequence[Any]]
"""For each setting the values of which a cell has to have one."""


def read(when: Mapping[str, Any], key: str) -> Conditions:
    """What stands in a rule, checked; `key` is where, for error messages.

    Raises:
        InputError: for a setting that cells do not differ in, or a number that is none.
    """
    for name in when:
        checks.choice(key, name, (*GROUPS, *_NUMBERS))
    return {
        name: [
            _comparable(f"{key}.{name}", name, value)
            for value in (values if isinstance(values, list) else [values])
        ]
        for name, values in when.items()
    }


def fits(conditions: Conditions, job: Job) -> bool:
    """Whether a cell meets all of them."""
    return all(_comparable(name, name, _value(job, name)) in wanted for name, wanted in conditions.items())


def _value(job: Job, name: str) -> Any:
    value = job.config[name]
    return value["name"] if isinstance(value, Mapping) else value


def _comparable(key: str, name: str, value: Any) -> Any:
    """5, 5.0 and "5" are the same λ; null is that of a defense without one."""
    if value is None:
        return None
    return checks.number(key, value) if name in _NUMBERS else str(value)
