"""What was made of settings already, and found out about it: the cells of a sweep share it."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping
from typing import Any

from hypo.settings.components import build, describe


class Remembered:
    """A function of a component, and perhaps of more, that is called once for as long as the component lives.

    It is found again by the same component only, since equal ones may be told apart, as 1 and True; nobody changes
    what is returned.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function
        self._found: dict[tuple[Any, ...], Any] = {}

    def __call__(self, component: Any, *more: Any) -> Any:
        """What the function returned; `more` can be hashed."""
        key = (id(component), *more)
        if key not in self._found:
            result = self._function(component, *more)
            try:
                gone = weakref.finalize(component, self._found.pop, key)
            except TypeError:  # a class with slots: nobody would say when it is gone
                return result
            gone.atexit = False
            self._found[key] = result
        return self._found[key]


class Made:
    """Components that are made once for all that have the same settings."""

    def __init__(self) -> None:
        self._components: dict[tuple[str, str], Any] = {}
        self._described = Remembered(_described)

    def component(self, settings: Any, key: str, default: type | None = None) -> Any:
        """See `build`; `default` is always the same for one `key`."""
        written = (key, repr(settings))
        if written not in self._components:
            self._components[written] = build(settings, key, default)
        return self._components[written]

    def described(self, component: Any, name: str | None = None) -> Mapping[str, Any]:
        """See `describe`; a name that is given comes first."""
        found: Mapping[str, Any] = self._described(component, name)
        return found


def _described(component: Any, name: str | None) -> Mapping[str, Any]:
    return {**({} if name is None else {"name": name}), **describe(component)}
