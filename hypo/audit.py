"""`python -m hypo.audit`: the risks of any model. From Python `from hypo import audit` is a function."""

from __future__ import annotations

import os
import sys

if __name__ != "__main__":
    raise ImportError("hypo.audit is a command; the function is had by `from hypo import audit`")

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch is imported, see hypo/run.py

from hypo.auditing.command import main

sys.exit(main())
