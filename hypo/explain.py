"""Errors of the config framework in the words of this project: key, what it takes, what it got."""

from __future__ import annotations

import difflib
import re

from hypo.errors import InputError
from hypo.identity import GROUPS

KEYS = (*GROUPS, "crafter", "tracking", "lambda", "epsilon", "seed", "authors_code", "device", "output_dir")
"""What can be set at the top."""

_NO_OPTION = "Config group override must be a string or a list"


def is_understood(error: Exception) -> bool:
    """Whether it is the user's to mend; any other ValueError is a defect, and its traceback worth seeing."""
    return not isinstance(error, ValueError) or isinstance(error, InputError) or _NO_OPTION in str(error)


def explain(error: Exception) -> str:
    """One line for a user.

    Hydra's own accounts run over several lines and name its search path and its nodes; those that a slip on
    the command line causes are said again here, all others are only joined into one line.
    """
    text = " ".join(str(error).split())
    if found := re.search(
        r"Could not find '([^']*)/([^'/]*)' Available options in '([^']*)': (.*?)(?: Config|$)", text
    ):
        group, got, listed, options = found.groups()
        if group != listed:  # Hydra lists the options of +sweeps=tao2022/table10 one folder too high
            return f"{group}: has no {got!r}; python -m hypo.run --help lists what it has"
        return f"{group}: takes one of {', '.join(options.split())}; got {got!r}"
    if found := re.search(r"Ambiguous value for argument '([^=']*)=([^']*)'", text):
        return f"{found[1]}: takes one value, got {found[2]}; a list is a sweep, which needs -m"
    if found := re.search(r"Could not override '([^']*)'", text):
        return f"{found[1]}: no such setting{_meant(found[1])}; {_takes(found[1], error)}"
    if _NO_OPTION in text:
        return "a config group takes the name of one option, not null; python -m hypo.run --help lists them"
    return text


def _takes(key: str, error: BaseException) -> str:
    """What can be set beside `key`, which omegaconf's own error, somewhere among the causes, knows."""
    beside: BaseException | None = error
    while beside is not None and getattr(beside, "parent_node", None) is None:
        beside = beside.__cause__
    known = [str(name) for name in getattr(beside, "parent_node", None) or () if name != "_target_"]
    if "." not in key or not known:  # none, for a group of settings that is set in another place
        return "python -m hypo.run --cfg job lists them"
    return f"{key.rpartition('.')[0]} takes {', '.join(known)}"


def _meant(key: str) -> str:
    close = [] if "." in key else difflib.get_close_matches(key, KEYS, n=1)
    return f" (did you mean {close[0]}?)" if close else ""
