"""Errors of the config framework in the words of this project: key, what it takes, what it got."""

from __future__ import annotations

import difflib
import re

from hydra.errors import HydraException, OverrideParseException
from omegaconf.errors import InterpolationResolutionError, OmegaConfBaseException

from hypo.command_line.options import LISTS
from hypo.settings.errors import InputError
from hypo.settings.identity import GROUPS

KEYS = (
    *GROUPS,
    "crafter",
    "measurement",
    "tracking",
    "lambda",
    "epsilon",
    "seed",
    "authors_code",
    "keep_checkpoint",
    "device",
    "output_dir",
)
"""What can be set at the top."""

SET_THROUGH = {
    "defense.attack": "training_attack",
    "training_data.crafter": "crafter",
    "crafter.arch": "arch",
    "search": "evaluation.then",
}
"""Groups of settings that stand in another place, and where; the last where both are the same."""


def is_understood(error: Exception) -> bool:
    """Whether it is the user's to mend; any other ValueError is a defect, and its traceback worth seeing."""
    return isinstance(error, (InputError, HydraException, OmegaConfBaseException))


def explain(error: Exception) -> str:
    """One line for a user.

    Hydra's own accounts run over several lines and name its search path and its nodes; those that a slip on
    the command line causes are said again here, all others are only joined into one line.
    """
    text = " ".join(str(error).split())
    if isinstance(error, OverrideParseException):
        typed = " ".join(error.override.split())
        return f"{typed.partition('=')[0]}: takes key=value, with quotes around what is no plain word, got {typed}"
    if isinstance(error, InterpolationResolutionError) and error.full_key:
        return f"{error.full_key}: takes a value or a reference to one ({text.partition(' full_key')[0]})"
    if found := re.search(r"Could not find '([^']*)' Available options in '([^']*)': (.*?)(?: Config|$)", text):
        path, group, options = found.groups()
        if group == "sweeps":  # whose folders Hydra does not list
            group, _, name = path.rpartition("/")
            return f"{group}: has no {name!r}; python -m hypo.run --help lists what it has"
        return f"{group}: takes one of {', '.join(options.split())}; got {path.removeprefix(f'{group}/')!r}"
    if found := re.search(r"Could not load '([^']*)/([^'/]*)'", text):  # of a list of options
        return f"{found[1]}: has no {found[2]!r}; python -m hypo.run --help lists what it has"
    if found := re.search(r"Ambiguous value for argument '([^=']*)=([^']*)'", text):
        return f"{found[1]}: takes one value, got {found[2]}; a list is a sweep, which needs -m"
    if found := re.search(r"Sweeping over Hydra's configuration is not supported : '([^=]*)=(.*)'", text):
        return f"{found[1]}: takes one value for the whole sweep, got {found[2]}"
    if found := re.search(r"Could not override '([^']*)'", text):
        return f"{found[1]}: no such setting{_meant(found[1])}; {_takes(found[1], error)}"
    if found := re.search(r"Error merging override \+*([^=]*)=(.*)", text):
        return f"{found[1]}: takes {_kind(error.__cause__)}, got {found[2]}"
    if found := re.search(r"unexpected keyword argument '(\w+)'.* full_key: (\S+)", text):
        return f"{found[2]}.{found[1]}: no such setting; python -m hypo.run --cfg hydra lists them"
    return text


def _kind(cause: BaseException | None) -> str:
    """What a setting takes that refused to be merged with another kind of value."""
    takes = getattr(cause, "object_type", None)
    return "a group of settings" if takes is dict else "a list" if takes is list else "a value of another kind"


def _takes(key: str, error: BaseException) -> str:
    """What can be set beside `key`, which omegaconf's own error, somewhere among the causes, knows."""
    beside: BaseException | None = error
    while beside is not None and getattr(beside, "parent_node", None) is None:
        beside = beside.__cause__
    known = [str(name) for name in getattr(beside, "parent_node", None) or () if name != "_target_"]
    group = key.rpartition(".")[0]
    if group and known and getattr(beside, "full_key", None) == key:
        return f"{group} takes {', '.join(known)}"
    for place, other in SET_THROUGH.items():
        if key.startswith(f"{place}."):
            return f"set {other}{key.removeprefix(place)} instead"
    return "python -m hypo.run --cfg job lists them"


def _meant(key: str) -> str:
    close = [] if "." in key else difflib.get_close_matches(key, (*KEYS, *LISTS), n=1)
    return f" (did you mean {close[0]}?)" if close else ""
