"""Commands that were typed before a setting was called otherwise, as they are typed now."""

from __future__ import annotations

import shlex

from hypo.migrate.settings import MEASURED

_MEASUREMENT = f"measurement=[{','.join(('targeted', *MEASURED))}]"


def retyped(command: str) -> str:
    """`command` with `evaluation=targeted` as the measurement that it has become; any other stays as it is."""
    try:
        words = shlex.split(command)
    except ValueError:
        return command
    now: list[str] = []
    for word in words:
        key, _, value = word.partition("=")
        choices = value.split(",")
        if key.lstrip("+") == "evaluation" and "targeted" in choices:
            # What it did besides; a sweep over this and others now measures it in all of them.
            others = dict.fromkeys("pgd20" if choice == "targeted" else choice for choice in choices)
            now += [f"{key}={','.join(others)}", _MEASUREMENT]
        elif key.lstrip("+") == "evaluation.targeted":
            now += [_MEASUREMENT] if "true" in value.lower().split(",") and _MEASUREMENT not in now else []
        else:
            now.append(word)
    return command if now == words else shlex.join(now)
