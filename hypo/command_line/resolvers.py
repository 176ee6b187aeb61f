"""What the config's YAML can ask: the few conditions under which a published recipe differs from itself."""

from __future__ import annotations

from typing import Any

from omegaconf import OmegaConf

from hypo.settings import checks


def register() -> None:
    """Make `${if:…}`, `${at_least:…}`, `${one_of:…}` and `${smaller:…}` known; again is harmless."""
    for name, resolver in (("if", _if), ("at_least", _at_least), ("one_of", _one_of), ("smaller", _smaller)):
        OmegaConf.register_new_resolver(name, resolver, replace=True)


def _if(condition: Any, then: Any, otherwise: Any) -> Any:
    chosen = then if checks.choice("authors_code", condition, (True, False)) else otherwise
    # As a node, because a config that is to be resolved in place (--resolve) takes no bare list.
    return OmegaConf.create(chosen) if isinstance(chosen, list) else chosen


def _at_least(value: Any, bound: float) -> bool:
    # What is no number is refused, in words of its own, when the setting itself is read.
    return isinstance(value, (int, float)) and value >= bound


def _one_of(value: Any, *choices: Any) -> bool:
    return value in choices


def _smaller(first: float, second: Any) -> float:
    return min(first, checks.number("published_learning_rate", second))
