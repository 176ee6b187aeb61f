"""References from one setting to another, `${recipe.batch}`, and those that lead nowhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import InterpolationResolutionError

from hypo.settings.errors import InputError


def resolved(config: DictConfig, key: str = "") -> dict[str, Any]:
    """`config` as plain data, with every reference followed.

    Args:
        key: where `config` stands in the whole one; error messages begin with it.

    Raises:
        InputError: for a reference that leads nowhere, naming the setting that holds it.
    """
    try:
        plain: dict[str, Any] = OmegaConf.to_container(config, resolve=True)  # type: ignore[assignment]
    except InterpolationResolutionError as error:
        setting, text = _at_fault(config)
        raise broken(f"{key}.{setting}" if key else setting, text, error) from None
    return plain


def broken(key: str, text: str, error: Exception) -> InputError:
    """The refusal of the reference in `text`, which `key` was set to, and of which `error` says what is wrong."""
    reason = str(error).splitlines()[0]
    return InputError(f"{key}: takes a value or a reference to one, got {text} ({reason})")


def _at_fault(config: DictConfig) -> tuple[str, str]:
    """The setting that holds a broken reference, with its text, and not one that only refers to that setting."""
    texts = {key: text for key, text in _leaves(OmegaConf.to_container(config)) if "${" in str(text)}
    faulty = {key: str(text) for key, text in texts.items() if not _leads_somewhere(config, key)}
    own = (key for key, text in faulty.items() if not any(other in text for other in faulty))
    key = next(own, next(iter(faulty)))
    return key, faulty[key]


def _leads_somewhere(config: DictConfig, key: str) -> bool:
    try:
        OmegaConf.select(config, key)
    except InterpolationResolutionError:
        return False
    return True


def _leaves(settings: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """Every value in nested settings with its dotted key."""
    if isinstance(settings, (Mapping, list)):
        pairs = settings.items() if isinstance(settings, Mapping) else enumerate(settings)
        for name, value in pairs:
            yield from _leaves(value, f"{key}.{name}" if key else str(name))
    else:
        yield key, settings
