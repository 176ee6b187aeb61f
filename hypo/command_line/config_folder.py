"""Where the options of the config groups lie."""

from __future__ import annotations

from pathlib import Path

import hypo

_PACKAGE = Path(hypo.__file__).parent

FOLDER = next(path for path in (_PACKAGE / "conf", _PACKAGE.parent / "conf") if path.is_dir())
"""In a wheel it lies in the package, in a checkout beside it."""
