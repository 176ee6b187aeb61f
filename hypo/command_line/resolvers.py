"""What the config's YAML can ask: the few conditions under which a published recipe differs from itself."""

from __future__ import annotations

from typing import Any

from omegaconf import OmegaConf

from hypo.settings import checks
from hypo.settings.errors import InputError


def register() -> None:
    """Make `${if:…}`, `${smaller:…}` and the conditions below them known; again is harmless."""
    conditions = (("at_least", _at_least), ("at_most", _at_most), ("one_of", _one_of))
    for name, resolver in (("if", _if), ("smaller", _smaller), *conditions):
        OmegaConf.register_new_resolver(name, resolver, replace=True)


def _if(condition: Any, then: Any, otherwise: Any) -> Any:
    chosen = then if checks.choice("authors_code", condition, (True, False)) else otherwise
    # As a node, because a config that is to be resolved in place (--resolve) takes no bare list.
    return OmegaConf.create(chosen) if isinstance(chosen, list) else chosen


def _at_least(value: Any, bound: float) -> bool:
    # What is no number is refused, in words of its own, when the setting itself is read.
    return isinstance(value, (int, float)) and value >= bound


def _at_most(value: Any, bound: Any) -> bool:
    """Of numbers and fractions such as 2/255."""
    try:
        return checks.number("", value) <= checks.number("", bound)
    except InputError:
        return False  # refused, in words of its own, when the setting itself is read


def _one_of(value: Any, *choices: Any) -> bool:
    return value in choices


def _smaller(first: float, second: Any) -> float:
    return min(first, checks.number("published_learning_rate", second))
