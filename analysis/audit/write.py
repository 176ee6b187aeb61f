"""The page as one file, with its styles, scripts and pictures inside."""

from __future__ import annotations

import base64
from functools import partial
from pathlib import Path

from analysis.audit.charts import specifications
from analysis.audit.contents import Contents, contents
from analysis.audit.searches import difference
from analysis.files import make_folder, write_whole
from analysis.report import scripts
from analysis.report.found import Picture
from analysis.report.templating import template
from analysis.tables.lines import METRICS

_HERE = Path(__file__).parent
_SYMBOLS = {"R_adv_plus": "R_adv⁺", "R_hyp_minus": "R_hyp⁻", "R_hyp_bar_minus": "R̄_hyp⁻", "R_sta_minus": "R_sta⁻"}
_REACHED = ("A", "F", "R_adv_plus", "R_hyp_minus")
_TILES = {
    "D": "D, accuracy on untouched images",
    "A": "A, under an adversary",
    "F": "F, under a false friend",
    "R_hyp_minus": "R_hyp⁻, mistakes that can be hidden",
}
_CAPTIONS = {
    "accuracies": "Accuracies over the radius, with 95 % intervals; the dashed line is the radius of this audit.",
    "risks": "Risks over the radius: correct predictions that are broken, and mistakes that are hidden.",
}


def write(run_directory: Path, destination: Path) -> Path:
    """Write the page on the finished run at `run_directory` to the file `destination`, and return that.

    Raises:
        InputError: it is no single run that is done, or the file cannot be written.
    """
    page = _html(contents(run_directory))
    make_folder(destination.parent)
    write_whole(destination, page.encode())
    return destination


def _html(audit: Contents) -> str:
    from markupsafe import Markup

    together = {each.key: each.points for section in audit.sections for each in section.charts}
    alone = {curve.about.key: curve.points for curve in audit.curves}
    classes = audit.classes.records if audit.classes else []
    charts = specifications({len(curve.points) for curve in audit.curves if "rows" in curve.chart}, len(classes))
    styles = scripts.static("report.css") + (_HERE / "static" / "audit.css").read_text("utf-8")
    drawing = (scripts.vega(), scripts.charts(charts), scripts.static("report.js"))
    return template("audit.html", _HERE / "templates").render(
        audit=audit,
        styles=Markup(styles),
        scripts=[Markup(script) for script in drawing],
        data={"history": {}, "curves": {**alone, **together, "classes": classes}},
        source=_inside,
        symbols={name: _SYMBOLS.get(name, name) for name in METRICS},
        names=METRICS,
        tiles=_TILES.items(),
        reached={name: _SYMBOLS.get(name, name) for name in _REACHED},
        by_class={name: _SYMBOLS.get(name, name) for name in ("D", *_REACHED)},
        captions=_CAPTIONS,
        difference=partial(difference, audit.searches),
    )


def _inside(picture: Picture) -> str:
    """The picture as an address that needs no file."""
    return f"data:image/webp;base64,{base64.b64encode(picture.content).decode()}"
