"""How every figure looks, and how it is saved: small, readable in grey, in the same bytes each time."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analysis.files import write_whole
from hypo.settings.errors import InputError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from torch import Tensor

FILE_TYPES = (".png", ".pdf", ".svg")
FONT_SIZE = 8
STYLE: Any = {
    "font.size": FONT_SIZE,
    "axes.titlesize": FONT_SIZE,
    "axes.linewidth": 0.6,
    "pdf.fonttype": 42,  # TrueType, embedded: the text stays text and journals take it
    "svg.hashsalt": "hypo",  # otherwise random ids, other bytes each time
    "savefig.dpi": 300,
}
COLORS = ("#0072B2", "#D55E00", "#007A5E", "#A3477F", "#000000")
"""Okabe and Ito's without the pale ones."""

_HATCHES = ("", "////", "....", "xxxx", "----")

# The writers' names carry version numbers, the dates are of today: neither belongs to the result.
_NO_METADATA = {
    ".png": {"Software": None},
    ".pdf": {"CreationDate": None, "Creator": None, "Producer": None},
    ".svg": {"Date": None, "Creator": None},
}


def hatch(used: int) -> str:
    """That of a bar after `used` others: of the sixth on colours come back, but with other hatches."""
    return _HATCHES[(used + used // len(COLORS)) % len(_HATCHES)]


def save(figure: Figure, path: str | Path) -> None:
    """Write `figure` to a .png, .pdf or .svg file, whole or not at all; equal figures give equal bytes.

    Raises:
        InputError: another suffix, or the file cannot be written.
    """
    import matplotlib

    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in FILE_TYPES:
        raise InputError(f"{path}: a figure is written as {', '.join(FILE_TYPES)}, got {suffix or 'no suffix'}")
    content = io.BytesIO()
    with matplotlib.rc_context(STYLE):
        figure.savefig(content, format=suffix[1:], metadata=_NO_METADATA[suffix])
    write_whole(path, content.getvalue())


def plain(text: str) -> str:
    """Text from a config as text: a dollar sign starts no formula, a leading underscore hides no entry."""
    shown = text.replace("$", r"\$")
    return f" {shown}" if shown.startswith("_") else shown


def legend_below(figure: Figure, handles: Mapping[str, Any], characters: int, notes: Sequence[str]) -> None:
    """Write `notes` under the panels, and under them the names of `handles`, both as far as `characters` go."""
    figure.legend(
        list(handles.values()),
        [plain(name) for name in handles],
        loc="outside lower center",
        ncols=_columns(handles, characters),
        # The notes are in smaller print.
        title="\n".join(map(plain, _lines(notes, characters))),
        title_fontsize=FONT_SIZE - 1,
        columnspacing=1.2,
        handletextpad=0.5,
        frameon=False,
    )


def legend_height(names: Collection[str], characters: int, notes: Sequence[str]) -> float:
    """Inches that `legend_below` needs for them."""
    rows = -(-len(names) // _columns(names, characters)) if names else 0
    return (rows + len(_lines(notes, characters))) * 1.6 * FONT_SIZE / 72


def _columns(names: Collection[str], characters: int) -> int:
    widths = [len(name) + 6 for name in names]  # the sample and the gap take about six characters
    return len(names) if sum(widths) <= characters else max(1, characters // max(widths))


def _lines(notes: Sequence[str], characters: int) -> list[str]:
    return [line for note in notes for line in textwrap.wrap(note, int(1.15 * characters))]


def show_image(axes: Axes, image: Tensor) -> None:
    """Draw `image`, (channels, height, width) in [0, 1], pixel by pixel."""
    rows = image.permute(1, 2, 0).clamp(0, 1).numpy()
    if rows.shape[-1] == 1:
        axes.imshow(rows[..., 0], cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    else:
        axes.imshow(rows, interpolation="nearest")
