"""Components (frozen dataclasses) from plain settings, and plain settings from components.

`build` and `describe` are inverse to each other: what `describe` writes into a run directory, `build` reads
back, and neither a config framework nor a registry stands between.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
import types
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from functools import lru_cache
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import hypo
from hypo.settings import checks
from hypo.settings.errors import InputError


def build(settings: Mapping[str, Any], key: str, default: type | None = None) -> Any:
    """The component that `settings` describe.

    Args:
        settings: the values of its fields, and in `_target_` the dotted path of its class; without one, a field of
            several types is of the first.
        key: where the settings stand in the config; error messages begin with it.
        default: the class when there is no `_target_`.

    Raises:
        InputError: for what is no mapping, a field that the class does not have, a missing one, or a value of the
            wrong kind.
    """
    if not isinstance(settings, Mapping):
        raise InputError(f"{key}: takes a group of settings, got {checks.shown(settings)}")
    target = _locate(settings["_target_"], key) if "_target_" in settings else default
    if target is None:
        raise InputError(f"{key}: has no _target_, the dotted path of its class")
    hints = get_type_hints(target)
    known = {field.name: field for field in fields(target)}
    values = {}
    for name, value in settings.items():
        if name in ("_target_", "name", "fingerprint") and name not in known:
            continue
        if name not in known:
            takes = ", ".join(known) or "no settings"
            raise InputError(f"{key}.{name}: no such setting; {target.__name__} takes {takes}")
        values[name] = _convert(value, hints[name], _spoken(key, name))
    for name, field in known.items():
        if name not in values and field.default is MISSING and field.default_factory is MISSING:
            raise InputError(f"{_spoken(key, name)}: must be given")
    try:
        return target(**values)
    except InputError as error:
        # A component knows its fields, only here it is known where in the config they stand.
        name, colon, rest = str(error).partition(":")
        raise InputError(f"{_spoken(key, name)}{colon}{rest}" if name in known else str(error)) from None


def describe(component: Any, *, identity: bool = False, fingerprint: str | None = None) -> Any:
    """`component` as plain data, every default filled in, with the `fingerprint` of its files if it has any.

    With `identity`, only what can change a result: `stable_name` for the class, none of the fields marked
    `metadata={"identity": False}`, nor those at the value that they are marked with as
    `metadata={"implied": value}`: what runs had before the field was there, so that these keep their run ids.

    A `fingerprint` that is given is taken as it is; the files, which may be gone, are not asked for theirs.
    """
    if is_dataclass(component) and not isinstance(component, type):
        cls = type(component)
        described = {"_target_": stable_name(cls) if identity else f"{cls.__module__}.{cls.__qualname__}"}
        for field in fields(component):
            value = getattr(component, field.name)
            if not identity or enters_identity(field, value):
                described[field.name] = describe(value, identity=identity)
        if hasattr(component, "fingerprint"):
            instance: Any = component
            described["fingerprint"] = fingerprint or _fingerprint(instance)
        return described
    if isinstance(component, Mapping):
        # Names cannot change a result, and the order can.
        described = {name: describe(item, identity=identity) for name, item in component.items()}
        return list(described.values()) if identity else described
    if isinstance(component, (tuple, list)):
        return [describe(item, identity=identity) for item in component]
    return component


def stable_name(component: type) -> str:
    """What a class is called wherever its module lies: its name, and for one that is not hypo's the path too.

    No two components of hypo have the same name.
    """
    return name_at(f"{component.__module__}.{component.__qualname__}")


def name_at(target: str) -> str:
    """`stable_name` of the class at a dotted path, as a `_target_` gives it."""
    return target.rpartition(".")[2] if target.startswith("hypo.") else target


def enters_identity(field: Field, value: Any) -> bool:
    """Whether a field with this value is part of what `describe` gives with `identity`."""
    is_implied = "implied" in field.metadata and field.metadata["implied"] == value
    return field.metadata.get("identity", True) and not is_implied


@lru_cache(maxsize=16)
def _fingerprint(component: Any) -> str:
    """Asked for once in a process: it takes a look at every file, and a sweep has many jobs."""
    return component.fingerprint()


def _locate(target: Any, key: str) -> type:
    """The dataclass at a dotted path.

    Settings are read from files of other people too, so that a path may name only a dataclass of hypo, or of
    a module that this process has imported by itself; nothing else is ever imported or called. What hypo has under
    that name in another module has moved since the settings were written.
    """
    module_name, _, name = str(target).rpartition(".")
    if module_name.startswith("hypo."):
        found = _in_module(module_name, name) or components().get(name)
    elif module_name in sys.modules:
        found = _in_module(module_name, name)
    else:
        raise InputError(
            f"{key}._target_: takes a class of hypo or of an imported module, got {checks.shown(target)}"
        )
    if found is None:
        raise InputError(f"{key}._target_: takes the dotted path of a dataclass, got {checks.shown(target)}")
    return found


def _in_module(module_name: str, name: str) -> type | None:
    try:
        found = getattr(importlib.import_module(module_name), name, None)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module_name}.".startswith(f"{error.name}."):
            raise  # the module is there, and lacks another
        return None
    return found if isinstance(found, type) and is_dataclass(found) else None


@lru_cache(maxsize=1)
def components() -> dict[str, type]:
    """The dataclasses of hypo by name, from all of its modules but those that only commands have."""
    commands = ("hypo.run", "hypo.audit", "hypo.command_line", "hypo.migrate", "hypo.runs.wandb_process")
    modules = (
        importlib.import_module(module.name)
        for module in pkgutil.walk_packages(hypo.__path__, "hypo.")
        if not f"{module.name}.".startswith(tuple(f"{command}." for command in commands))
    )
    return {
        name: found
        for module in modules
        for name, found in vars(module).items()
        if isinstance(found, type) and is_dataclass(found) and found.__module__ == module.__name__
    }


def _convert(value: Any, hint: Any, key: str) -> Any:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        if value is None and type(None) in arguments:
            return None
        hint = next(argument for argument in arguments if argument is not type(None))
        return _convert(value, hint, key)
    if origin is Literal:
        return checks.choice(key, value, arguments)
    if origin is tuple:
        if not isinstance(value, (list, tuple)):
            raise InputError(f"{key}: takes a list such as [1, 2], got {checks.shown(value)}")
        return tuple(_convert(item, arguments[0], key) for item in value)
    if origin is Mapping:
        if not isinstance(value, Mapping):
            raise InputError(f"{key}: takes a group of settings, got {checks.shown(value)}")
        return {str(name): _convert(item, arguments[1], f"{key}.{name}") for name, item in value.items()}
    if hint is bool:
        return bool(checks.choice(key, value, (True, False)))
    if hint is float:
        return checks.number(key, value)
    if hint is int:
        return checks.integer(key, value)
    if hint is str:
        if not isinstance(value, (str, int, float)) or isinstance(value, bool):
            raise InputError(f"{key}: takes text, got {checks.shown(value)}")
        return str(value)
    return build(value, key, hint if isinstance(hint, type) and is_dataclass(hint) else None)


def _spoken(key: str, name: str) -> str:
    """The key as a user types it: λ and ε are set at the top, not in the group that receives them.

    What is measured at another ε has one of its own.
    """
    if key.startswith("measurement."):
        return f"{key}.{name}"
    return {"lambda_": "lambda", "epsilon": "epsilon"}.get(name, f"{key}.{name}")
