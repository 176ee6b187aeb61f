"""Commands that were typed before a setting was called otherwise, as they are typed now."""

from __future__ import annotations

import shlex

from hypo.migrate.settings import MEASURED


def retyped(command: str) -> str:
    """`command` with `evaluation=targeted` as the measurement that it has become; any other stays as it is."""
    try:
        words = shlex.split(command)
    except ValueError:
        return command
    kept, targeted = [], False
    for word in words:
        key, _, value = word.partition("=")
        name, choices = key.lstrip("+"), value.split(",")
        if name == "evaluation" and "targeted" in choices:
            targeted = True
            # What it did besides; a sweep over both has one of them.
            others = dict.fromkeys("pgd20" if choice == "targeted" else choice for choice in choices)
            word = f"{key}={','.join(others)}"
        if name == "evaluation.targeted":
            targeted = targeted or "true" in value.lower().split(",")
        else:
            kept.append(word)
    if targeted:
        kept.append(f"measurement=[{','.join(('targeted', *MEASURED))}]")
    return command if kept == words else shlex.join(kept)
