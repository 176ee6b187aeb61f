"""The audit's own charts as Vega-Lite specifications; they hold no text of a run."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from analysis.audit.together import KINDS, of_pair
from analysis.report import charts

if TYPE_CHECKING:
    import altair

_OVER, _ABOUT = "__over__", "__about__"
"""What the page puts a curve's variable for, and what it is about."""

_SHAPES = ["circle", "square"]
_ROW = 26  # px
_OF_CLASS = "percent of the class"
_REACHED = {"A": "A, under an adversary", "F": "F, under a false friend", "D": "D, untouched"}


def specifications(words: Collection[int], classes: int) -> dict[str, dict[str, Any]]:
    """Every chart by the name under which the page asks for it.

    `words` has how many there are in each curve that is drawn as `rows`; `classes` is how many classes are shown.
    """
    own = {
        of_pair(pair, certified): _over_radius(kinds, certified)
        for pair, kinds in KINDS.items()
        for certified in (False, True)
    }
    own |= {rows(count): _bars(count) for count in words} | {"classes": _classes(classes)}
    return charts.of_curves() | {name: chart.to_dict() for name, chart in own.items()}


def rows(words: int) -> str:
    """The chart of bars that lie, for a curve over so many words."""
    return f"rows-{words}"


def _over_radius(kinds: list[str], certified: bool) -> altair.LayerChart:
    """Two curves over the radius with the bands of their intervals, and a line at the run's own.

    What is `certified` is dashed.
    """
    import altair as alt

    base = alt.Chart(alt.NamedData("curve")).transform_filter("!isValid(datum.own)")
    x = alt.X("at:Q", title=_OVER, scale=alt.Scale(nice=False), axis=alt.Axis(format="~g", tickCount=6))
    y = alt.Y("value:Q", title="percent", scale=alt.Scale(domain=[0, 100]))
    low, high = alt.Y("low:Q", title="percent"), alt.Y2("high")
    legend = alt.Legend(title=None, orient="top", symbolOpacity=1, direction="vertical", labelLimit=300)
    color = alt.Color("kind:N", scale=alt.Scale(domain=kinds), legend=legend)
    shape = alt.Shape("kind:N", scale=alt.Scale(domain=kinds, range=_SHAPES), legend=legend)
    told = [
        alt.Tooltip("kind:N", title=" "),
        alt.Tooltip("at:Q", title=_OVER),
        alt.Tooltip("shown:N", title="percent"),
    ]
    told += [alt.Tooltip("counts:N", title="count"), alt.Tooltip("interval:N", title="95 % interval")]
    dash = alt.Scale(domain=["found", "certified"], range=[[1, 0], [5, 4]])
    dashes = [alt.StrokeDash("how:N", scale=dash, legend=legend)] if certified else []
    own = alt.Chart(alt.NamedData("curve")).transform_filter("isValid(datum.own)")
    layers = [
        own.mark_rule(strokeDash=[4, 4], opacity=0.7).encode(alt.X("own:Q", title=_OVER)),
        base.mark_area(opacity=0.2).encode(x, low, high, color, detail="how:N"),
        base.mark_line().encode(x, y, color, *dashes, detail="how:N"),
        base.mark_point(filled=True, size=40, opacity=1).encode(x, y, color, shape, tooltip=told),
    ]
    return alt.layer(*layers).properties(width="container", height=260)


def _classes(classes: int) -> altair.LayerChart:
    """For each class a line from A over D to F."""
    import altair as alt

    base = alt.Chart(alt.NamedData("curve"))
    y = alt.Y("at:N", title=None, sort=None, axis=alt.Axis(labelLimit=130, grid=True))
    scale = alt.Scale(domain=[0, 100])
    words = alt.Scale(domain=list(_REACHED.values()), range=[*_SHAPES, "diamond"])
    names = alt.Scale(domain=list(_REACHED.values()))
    legend = alt.Legend(title=None, orient="top", symbolOpacity=1, direction="vertical", labelLimit=300)
    label = " : ".join(f"datum.name == '{name}' ? '{text}'" for name, text in _REACHED.items()) + " : ''"
    points = base.transform_fold(list(_REACHED), ["name", "value"]).transform_calculate("kind", label)
    told = [alt.Tooltip("at:N", title="class"), alt.Tooltip("of:N", title="correct")]
    told += [alt.Tooltip(f"{name}:Q", title=name, format=".1f") for name in _REACHED]
    layers = [
        base.mark_rule(strokeWidth=2, opacity=0.35).encode(
            alt.X("A:Q", scale=scale, title=_OF_CLASS), y, alt.X2("F")
        ),
        points.mark_point(filled=True, size=70, opacity=1).encode(
            alt.X("value:Q", scale=scale, title=_OF_CLASS, axis=alt.Axis(tickCount=5)),
            y,
            alt.Color("kind:N", scale=names, legend=legend),
            alt.Shape("kind:N", scale=words, legend=legend),
            tooltip=told,
        ),
    ]
    return _high(layers, classes)


def _bars(words: int) -> altair.LayerChart:
    """A curve over words as bars that lie, so that there is room for the words."""
    import altair as alt

    base = alt.Chart(alt.NamedData("curve"))
    y = alt.Y("at:N", title=_OVER, sort=None, axis=alt.Axis(labelLimit=170))
    told = [alt.Tooltip("at:N", title=_OVER), alt.Tooltip("shown:N", title="percent")]
    told += [alt.Tooltip("counts:N", title="count"), alt.Tooltip("interval:N", title="95 % interval")]
    layers = [
        base.mark_bar().encode(alt.X("value:Q", title=_ABOUT), y, alt.Color("kind:N", legend=None), tooltip=told),
        base.mark_rule().encode(alt.X("low:Q", title=_ABOUT), y, alt.X2("high")),
    ]
    return _high(layers, words)


def _high(layers: list[altair.Chart], rows: int) -> altair.LayerChart:
    """As wide as there is room, and as high as so many rows need."""
    import altair as alt

    return alt.layer(*layers).properties(width="container", height=_ROW * rows)
