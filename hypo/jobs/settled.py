"""Components of an experiment that others leave no choice."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hypo.architectures.normalised import is_loaded
from hypo.defenses.none import NoDefense
from hypo.training_data.elsewhere import Elsewhere


def settled(components: Mapping[str, Any]) -> dict[str, Any]:
    """The components of an experiment by group, and in their place those that others leave no choice.

    A loaded arch was trained elsewhere, and what is not trained has no defense.
    """
    found = dict(components)
    if is_loaded(found["arch"]):
        found["training_data"] = Elsewhere()
    if not getattr(found["training_data"], "trains", True):
        found["defense"] = NoDefense()
    return found
