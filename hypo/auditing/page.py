"""The page of an audit: the one place where the package asks the analysis for something."""

from __future__ import annotations

from pathlib import Path


def write(run: Path, destination: Path) -> Path:
    """One page that opens without a network, of the finished run directory `run`, at `destination`.

    Raises:
        InputError: when it cannot be written.
    """
    from analysis.audit.write import write as write_page  # which imports what draws charts

    return write_page(run, destination)
