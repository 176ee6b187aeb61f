"""Measure and trade off hypocritical risk: how many of a model's mistakes a false friend can hide.

Tao, Feng, Yi and Chen, "With False Friends Like These, Who Can Notice Mistakes?", AAAI 2022.

For a model and a loader that are in memory: `from hypo import attack, audit, risks`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hypo.auditing.attacking import attack
    from hypo.auditing.in_memory import audit
    from hypo.auditing.risks import risks

__all__ = ["attack", "audit", "risks"]
__version__ = "0.1.0"

_PLACES = {"attack": "attacking", "audit": "in_memory", "risks": "risks"}


def __getattr__(name: str) -> Any:
    """The three functions, for which torch is imported, when they are first asked for."""
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"hypo.auditing.{_PLACES[name]}"), name)


def __dir__() -> list[str]:
    """All names, those of the functions too, for whoever completes what is typed."""
    return sorted({*globals(), *_PLACES})
