"""The single settings of a recipe, by their dotted paths."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Settings = Mapping[str, Any]


def together(groups: Mapping[str, Settings]) -> Settings:
    """The settings of all groups, each under the name of its group."""
    return {key: value for group, settings in groups.items() for key, value in below(group, settings).items()}


def below(group: str, settings: Settings) -> dict[str, Any]:
    """The settings under the name of their group."""
    return {f"{group}.{key}": value for key, value in settings.items()}


def target(option: str) -> str:
    """The class of an option, which has its name."""
    return "".join(word.capitalize() for word in str(option).split("_"))
