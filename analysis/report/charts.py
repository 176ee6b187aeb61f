"""The report's charts as Vega-Lite specifications; their data come from the page."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from analysis.tables.lines import METRICS

if TYPE_CHECKING:
    import altair

_HEIGHT = 340
_LAMBDAS = [0, 1, 5, 10, 20, 40, 100, 200, 500, 1000]  # the grid of the paper, where there is room, and beyond
_PERCENT = ".4~g"  # as many digits as a tick needs: of a single point the only tick is its value
_CHOSEN, _ABOUT, _OVER = "__metric__", "__about__", "__over__"
"""What a page puts the name of the chosen metric for, and its label, and that of a curve's variable."""

_SHAPES = ("circle", "square", "triangle-up", "diamond", "triangle-down", "cross", "triangle-right")


def specifications(
    defenses: Sequence[str], largest_lambda: float, symbols: Mapping[str, str], units: Collection[str] = ()
) -> dict[str, dict[str, Any]]:
    """Every chart by the name under which a page asks for it; in some of them the page has to put what is chosen.

    `defenses` fixes who has which colour and shape, `largest_lambda` how far λ reaches in every experiment.
    `symbols` has the metrics, shares and numbers that are told of each point, `units` those not in percent.
    """
    tradeoffs = {"tradeoff": ("R_nat", "R_hyp_minus"), "natural": ("R_nat", _CHOSEN)}
    tradeoffs["lambda"] = ("lambda_value", _CHOSEN)
    drawn = {name: _tradeoff(*axes, defenses, largest_lambda, symbols, units) for name, axes in tradeoffs.items()}
    return {
        **{name: _specification(chart) for name, chart in drawn.items()},
        **of_curves(),
        "loss": _specification(_history(["loss"], "loss")),
        "accuracy": _specification(_history(["clean_accuracy", "perturbed_accuracy"], "training accuracy (%)")),
        "learning_rate": _specification(_history(["learning_rate"], "learning rate")),
    }


def of_curves() -> dict[str, dict[str, Any]]:
    """The charts of what a run found over a variable, `found.DrawnCurve.chart`."""
    return {"line": _specification(_curve(over_words=False)), "bars": _specification(_curve(over_words=True))}


def _specification(chart: altair.LayerChart | altair.Chart) -> dict[str, Any]:
    found: dict[str, Any] = chart.to_dict()
    return found


def _tradeoff(
    x: str,
    y: str,
    defenses: Sequence[str],
    largest_lambda: float,
    symbols: Mapping[str, str],
    units: Collection[str],
) -> altair.LayerChart:
    """Two metrics of the experiment that is chosen: published lines, means over seeds, and every run."""
    import altair as alt

    over_lambda = x == "lambda_value"
    experiment = alt.param(name="experiment", value=0)
    scale = alt.Scale(zero=False, padding=14)
    if over_lambda:
        # With a reach of its own: of a single λ there would be none, and all ticks would fall on its point.
        scale = alt.Scale(type="symlog", constant=1, domain=[0, max(1.0, largest_lambda)], nice=False)
    title = "λ" if over_lambda else f"{METRICS[x]} (%)"
    title_y = f"{METRICS[y]} (%)" if y in METRICS else _ABOUT
    axis = alt.Axis(values=_LAMBDAS) if over_lambda else alt.Axis(tickCount=8, format=_PERCENT)
    at_x = alt.X(x, type="quantitative", scale=scale, title=title, axis=axis)
    scale_y, axis_y = alt.Scale(zero=False, padding=14), alt.Axis(format=_PERCENT)
    at_y = alt.Y(y, type="quantitative", scale=scale_y, axis=axis_y, title=title_y)
    legend = alt.Legend(title=None, orient="bottom", symbolOpacity=1)
    color = alt.Color("defense:N", scale=alt.Scale(domain=list(defenses)), legend=legend)
    shape = alt.Shape("defense:N", scale=alt.Scale(domain=list(defenses), range=list(_SHAPES)), legend=legend)

    def of(name: str) -> altair.Chart:
        chosen = alt.Chart(alt.NamedData(name)).transform_filter("datum.experiment == experiment")
        wanted = "isValid(datum.lambda_value)" if over_lambda else f"isValid(datum.{x}) && isValid(datum.{y})"
        return chosen.transform_filter(wanted)

    metrics = [
        alt.Tooltip(f"{name}:Q", title=symbol, format=".4g" if name in units else ".2f")
        for name, symbol in symbols.items()
    ]
    where = [alt.Tooltip("defense:N"), alt.Tooltip("lambda:N", title="λ")]
    about_run = [*where, alt.Tooltip("seed:N"), *metrics, alt.Tooltip("run_id:N", title="run")]
    about_cell = [
        *where,
        alt.Tooltip("n:N"),
        *(alt.Tooltip(f"{name}_shown:N", title=symbol) for name, symbol in symbols.items()),
    ]
    published = of("published").mark_line(strokeWidth=6, opacity=0.22, strokeCap="round")
    means, runs = of("cells"), of("runs")
    bar = means.mark_rule(opacity=0.45)
    error_x, error_y = alt.X(f"{x}_low:Q", title=title), alt.Y(f"{y}_low:Q", title=title_y)
    across = [] if over_lambda else [bar.encode(error_x, at_y, color, alt.X2(f"{x}_high"))]
    layers = [
        published.encode(at_x, at_y, color, order="lambda_value:Q", detail=["defense:N", "table:N"]),
        *across,
        bar.encode(at_x, error_y, alt.Y2(f"{y}_high"), color),
        means.mark_line().encode(at_x, at_y, color, order="lambda_value:Q"),
        means.mark_point(filled=True, size=90, opacity=1).encode(at_x, at_y, color, shape, tooltip=about_cell),
        # On top: of a single seed it is the run that is to be read and opened.
        runs.mark_point(filled=True, size=45, opacity=0.35, cursor="pointer").encode(
            at_x, at_y, color, shape, href="page:N", tooltip=about_run
        ),
    ]
    if not over_lambda:
        # On their points; static/labels.js moves them off, since only the page knows how large it draws the chart.
        layers.append(means.mark_text(baseline="middle").encode(at_x, at_y, color, text="lambda:N"))
    return alt.layer(*layers).add_params(experiment).properties(width="container", height=_HEIGHT)


def _curve(over_words: bool) -> altair.LayerChart:
    """What one run found over a variable, with the 95 % intervals: a line over numbers, bars over words."""
    import altair as alt

    base = alt.Chart(alt.NamedData("curve"))
    axis = alt.Axis(labelLimit=120, labelAngle=-35, labelOverlap=True) if over_words else alt.Axis(format="~g")
    scale = alt.Undefined if over_words else alt.Scale(zero=False, nice=False, padding=8)
    at = "at:N" if over_words else "at:Q"
    x = alt.X(at, title=_OVER, axis=axis, scale=scale, sort=None)
    y = alt.Y("value:Q", title=_ABOUT, axis=alt.Axis(format=_PERCENT))
    low, high = alt.Y("low:Q", title=_ABOUT), alt.Y2("high")
    color = alt.Color("kind:N", legend=None)  # one colour, that of the page's first method
    told = [alt.Tooltip(at, title=_OVER), alt.Tooltip("shown:N", title="percent")]
    told += [alt.Tooltip("counts:N", title="count"), alt.Tooltip("interval:N", title="95 % interval")]
    if over_words:
        layers = [
            base.mark_bar().encode(x, y, color, tooltip=told),
            base.mark_rule().encode(x, low, high),
        ]
    else:
        layers = [
            base.mark_area(opacity=0.2).encode(x, low, high, color),
            base.mark_line().encode(x, y, color),
            base.mark_point(filled=True, size=30).encode(x, y, color, tooltip=told),
        ]
    return alt.layer(*layers).properties(width="container", height=200)


def _history(columns: list[str], title: str) -> altair.LayerChart:
    """Columns of history.csv against the epoch."""
    import altair as alt

    base = alt.Chart(alt.NamedData("history")).transform_fold([*columns], ["quantity", "value"])
    base = base.transform_filter("isValid(datum.value)")
    legend = alt.Legend(title=None, orient="bottom") if len(columns) > 1 else None
    dash = alt.StrokeDash("quantity:N", scale=alt.Scale(domain=columns), legend=legend)
    color = alt.Color("quantity:N", scale=alt.Scale(domain=columns), legend=legend)
    whole = alt.Axis(labelExpr="datum.value % 1 ? '' : format(datum.value, 'd')")
    x = alt.X("epoch:Q", title="epoch", axis=whole)
    y = alt.Y("value:Q", title=title, scale=alt.Scale(zero=False), axis=alt.Axis(format="~r"))
    tooltip = [alt.Tooltip("epoch:Q"), alt.Tooltip("quantity:N"), alt.Tooltip("value:Q", format=".4g")]
    line = base.mark_line().encode(x, y, color, dash)
    points = base.mark_point(filled=True, size=18).encode(x, y, color, tooltip=tooltip)
    return alt.layer(line, points).properties(width="container", height=200)
