"""The settings of the sweeper and the launcher, looked at before the config framework makes them of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hydra.core.plugins import Plugins
from omegaconf import DictConfig, OmegaConf

from hypo.command_line.references import resolved
from hypo.settings import checks
from hypo.settings.errors import InputError


def register() -> None:
    """Have Hydra refuse them in one line, wherever they come from; again is harmless."""
    for kind in ("sweeper", "launcher"):
        name = f"instantiate_{kind}"
        make = getattr(Plugins, name)
        setattr(Plugins, name, _checked(kind, getattr(make, "__wrapped__", make)))


def _checked(kind: str, make: Callable[..., Any]) -> Callable[..., Any]:
    def checked(plugins: Plugins, *, config: DictConfig, **others: Any) -> Any:
        _check(f"hydra.{kind}", config, plugins)
        return make(plugins, config=config, **others)

    checked.__wrapped__ = make  # type: ignore[attr-defined]
    return checked


def _check(key: str, config: DictConfig, plugins: Plugins) -> None:
    """InputError for what is no group of settings, is none of Hydra's plugins, or refers to what is not there."""
    settings = OmegaConf.select(config, key)
    if not isinstance(settings, DictConfig):
        raise InputError(f"{key}: takes a group of settings, got {checks.shown(settings)}")
    target = resolved(settings, key).get("_target_")
    if not isinstance(target, str) or target not in plugins.class_name_to_class:
        raise InputError(f"{key}._target_: takes the class of a plugin, got {checks.shown(target)}")
