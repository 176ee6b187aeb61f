"""What is made or found out once is never taken for something else, nor kept beyond its use."""

from __future__ import annotations

import gc
import weakref
from dataclasses import dataclass
from typing import Any

import pytest

from hypo.architectures.mlp import Mlp
from hypo.attacks.threat_models.linf import Linf
from hypo.settings.errors import InputError
from hypo.settings.made import Made, Remembered

LINF = {"_target_": "hypo.attacks.threat_models.linf.Linf", "epsilon": 0.1}


def test_a_function_is_called_once_for_each_component_and_whatever_else_it_takes() -> None:
    asked: list[Any] = []

    def function(component: Mlp, more: str) -> int:
        asked.append((component, more))
        return len(asked)

    remembered = Remembered(function)
    one, equal = Mlp(), Mlp()
    assert one == equal
    answers = [remembered(one, "a"), remembered(one, "b"), remembered(equal, "a"), remembered(one, "a")]
    assert answers == [1, 2, 3, 1]
    assert len(asked) == 3


def test_what_was_refused_is_refused_again() -> None:
    def refuse(component: Mlp) -> None:
        raise InputError("arch: takes none")

    remembered, one = Remembered(refuse), Mlp()
    for _ in range(2):
        with pytest.raises(InputError, match="takes none"):
            remembered(one)


def test_nothing_is_kept_of_a_component_that_is_gone() -> None:
    remembered = Remembered(lambda component: [component.hidden])
    for width in range(1, 50):  # each may get the place in memory of the one before
        one = Mlp(hidden=(width,))
        assert remembered(one) == [(width,)]
        gone = weakref.ref(one)
        del one
        gc.collect()
        assert gone() is None


@dataclass(frozen=True, slots=True)
class Slotted:
    width: int


def test_a_component_with_slots_is_asked_each_time() -> None:
    remembered = Remembered(lambda component: component.width)
    assert [remembered(Slotted(width)) for width in range(20)] == list(range(20))


def test_components_are_shared_where_they_are_written_alike_and_not_where_they_are_only_equal() -> None:
    made = Made()
    first, again = made.component(dict(LINF), "threat_model"), made.component(dict(LINF), "threat_model")
    assert first is again
    assert first == Linf(0.1)
    ones: list[Any] = [made.component({**LINF, "epsilon": epsilon}, "threat_model") for epsilon in (1, 1.0, "1")]
    assert ones[0] is not ones[1]
    assert ones[1] is not ones[2]
    assert made.described(first, "linf") == {"name": "linf", **LINF}
    assert next(iter(made.described(first, "linf"))) == "name"
    assert made.described(first) == LINF
