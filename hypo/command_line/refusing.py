"""The last word of a command that was given what it cannot use."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

from hypo.command_line.explain import explain, is_understood

_FULL_ERROR = os.environ.get("HYDRA_FULL_ERROR") == "1"


@contextmanager
def refusing() -> Iterator[None]:
    """Turn what the user can mend into one line and exit code 2; HYDRA_FULL_ERROR=1 shows the traceback."""
    try:
        yield
    except (ValueError, HydraException, OmegaConfBaseException) as error:
        if _FULL_ERROR or not is_understood(error):
            raise
        print(f"error: {explain(error)}", file=sys.stderr)
        sys.exit(2)
