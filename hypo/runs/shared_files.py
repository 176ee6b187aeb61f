"""Files that many runs need and one of them makes: once, by whoever comes first, written whole."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from hypo.runs.atomic import write_atomically
from hypo.runs.lock import BEAT_SECONDS, Claim, Lock, holder

PATIENCE_SECONDS = 20 * BEAT_SECONDS
"""How long a maker may show no sign of life before the next takes over; one that died is noticed at once."""


def made_once(path: Path, make: Callable[[], bytes | memoryview], is_usable: Callable[[], bool], run: str) -> None:
    """See to it that there is a usable file at `path`, calling `make` for its contents where there is none.

    Of several processes that come together one makes it, and the others wait for it. Should its maker fail or
    die, the next of them makes it.

    Args:
        is_usable: whether the file is there and good for something.
        run: in whose name it is made, with that run's lock held; another process that is still at it in the
            same name has lost that lock, and is not waited for.

    Raises:
        LockedError: when another process took over while `make` was at work.
        OSError: when the file cannot be written.
    """
    if is_usable():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    lock_file = path.with_name(f".{path.name}.lock")
    before = holder(lock_file)
    fenced = before.get("token") if before.get("run") == run else None
    claim = Claim(wait=True, takes_over=fenced, patience=PATIENCE_SECONDS, about={"run": run})
    with Lock(lock_file, claim) as lock:
        if not is_usable():
            write_atomically(path, make(), may_write=lock.check)
