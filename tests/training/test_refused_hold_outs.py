"""What cannot be held out or kept is refused in one line, before anything starts."""

from __future__ import annotations

import pytest
from small_models import Stripes, small_experiment, small_recipe

from hypo.defenses.standard import Standard
from hypo.settings.errors import InputError
from hypo.training.holding_out import divided


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"hold_out": -1}, "hold_out: takes a whole number >= 0, got -1"),
        ({"keep": "first"}, "keep: takes "),
        ({"keep": "best_clean"}, "keep: takes best_clean only where hold_out is at least 1, got hold_out=0"),
        ({"keep": "best"}, "keep: takes best only where hold_out is at least 1, got hold_out=0"),
        ({"train_limit": 20, "hold_out": 20}, "hold_out: takes less than train_limit, 20, got 20"),
    ],
)
def test_what_cannot_be_is_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(InputError) as error:
        small_recipe(**changes)
    assert str(error.value).startswith(message)


@pytest.mark.parametrize("limit", [None, 200])
def test_more_than_there_are_cannot_be_held_out_and_that_is_said_before_anything_starts(limit: int | None) -> None:
    recipe = small_recipe(train_limit=limit, hold_out=90)
    line = "^recipe.hold_out: takes fewer than the 90 training examples, got 90$"
    with pytest.raises(InputError, match=line):
        small_experiment(Standard(), recipe=recipe).check()
    with pytest.raises(InputError, match=line):
        divided(Stripes().load().train, recipe)
