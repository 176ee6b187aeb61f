"""One composed config, filled in with the values of many cells: what they leave as it is was resolved once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import combinations, compress
from typing import Any

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.override_parser.types import Override
from omegaconf import AnyNode, DictConfig, OmegaConf

_ASKED = "hypo_asked"


class Form:
    """A config in which some settings are blank, and all that does not follow from these is filled in.

    What follows from them is found by asking: with a reference in their place that raises when it is followed,
    every other setting is resolved, and those that raise follow from them. The rest was resolved without a look at
    them, and so is the same whatever they are.
    """

    def __init__(self, config: DictConfig, overrides: Sequence[Override], are_blank: Sequence[bool]) -> None:
        """`config` belongs to the form from now on, and those of the overrides that `are_blank` are its blanks.

        Raises:
            HydraException, OmegaConfBaseException: where it cannot be composed or resolved, whatever the blanks.
            LookupError: where a value in the place of a group does not end up as one of its own.
        """
        ConfigLoaderImpl._apply_overrides_to_config(list(overrides), config)
        self.config = config
        blanks = list(compress(overrides, are_blank))
        self._nodes = [_node(config, override.key_or_group.split(".")) for override in blanks]
        self._following: list[tuple[tuple[Any, ...], DictConfig, Any]] = []
        with _asking() as asked:
            self._set([asked] * len(blanks))
            self._resolved = self._filled_in(config, ())
        self._set([override.value() for override in blanks])

    def fill(self, values: Sequence[Any]) -> dict[str, Any]:
        """The config as plain data with these values in the blanks, in their order; nobody changes it.

        Raises:
            OmegaConfBaseException: for a reference that leads nowhere with these values.
        """
        self._set(values)
        filled: dict[str, Any] = dict(self._resolved)
        own: set[tuple[Any, ...]] = set()
        for path, settings, name in self._following:
            inside = filled
            for depth, step in enumerate(path, start=1):
                if path[:depth] not in own:  # what others share is copied before it is written to
                    own.add(path[:depth])
                    inside[step] = dict(inside[step])
                inside = inside[step]
            inside[name] = _plain(settings, name)
        return filled

    def _set(self, values: Sequence[Any]) -> None:
        for node, value in zip(self._nodes, values, strict=True):
            node._set_value(value)

    def _filled_in(self, settings: DictConfig, path: tuple[Any, ...]) -> dict[Any, Any]:
        """What can be told while the blanks raise, and None in the place of what cannot, which is noted."""
        found: dict[Any, Any] = {}
        for name in settings:
            node: Any = settings._get_node(name)
            if _is_group(node):
                found[name] = self._filled_in(node, (*path, name))
                continue
            try:
                found[name] = _plain(settings, name)
            except _Asked:
                found[name] = None
                self._following.append((path, settings, name))
        return found


def blanks(config: DictConfig, overrides: Sequence[Override]) -> list[bool] | None:
    """Which of the overrides of `config` set a single value, which can be a blank of the form that they make.

    None where they make no form: one might undo another, or what one does depends on other settings.
    """
    paths = [override.key_or_group.split(".") for override in overrides]
    touching = any(one[: len(other)] == other[: len(one)] for one, other in combinations(paths, 2))
    if touching or not all(_is_simple(config, *each) for each in zip(overrides, paths, strict=True)):
        return None
    return [not override.is_delete() and _is_single(override.value()) for override in overrides]


def _is_simple(config: DictConfig, override: Override, path: Sequence[str]) -> bool:
    """Whether an override sets one thing in a place that is there, or new, whatever other settings are."""
    inside: Any = config
    for name in path[:-1]:
        if not _is_group(inside):
            return False
        inside = inside._get_node(name, validate_access=False)
        if inside is None:
            break
    if not (inside is None or _is_group(inside)) or override.package is not None:
        return False
    node: Any = None if inside is None else inside._get_node(path[-1], validate_access=False)
    if override.is_add():
        return node is None
    return _is_single(override.value()) or not OmegaConf.is_config(node) or not node._is_interpolation()


def _is_single(value: Any) -> bool:
    """Whether it is one value, and no reference."""
    if isinstance(value, str):
        return "${" not in value and value != "???"
    return value is None or isinstance(value, (bool, int, float))


def _is_group(node: Any) -> bool:
    return isinstance(node, DictConfig) and not (node._is_interpolation() or node._is_none() or node._is_missing())


def _node(config: DictConfig, path: Sequence[str]) -> AnyNode:
    node: Any = config
    for name in path:
        node = node._get_node(name)
    if not isinstance(node, AnyNode):
        raise LookupError(".".join(path))
    return node


def _plain(settings: DictConfig, name: Any) -> Any:
    value = settings[name]
    return OmegaConf.to_container(value, resolve=True) if OmegaConf.is_config(value) else value


class _Asked(BaseException):
    """Somebody wants to know what stands in a blank; no Exception, so that nobody goes on without."""


def _raise() -> None:
    raise _Asked


@contextmanager
def _asking() -> Iterator[str]:
    """The reference that raises."""
    OmegaConf.register_new_resolver(_ASKED, _raise)
    try:
        yield f"${{{_ASKED}:}}"
    finally:
        OmegaConf.clear_resolver(_ASKED)
