"""The panels of W&B's dashboards: what is drawn of the runs' metrics, findings and searches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from analysis.reading.findings import Findings, curves, points, quantities
from analysis.tables.lines import METRICS
from hypo.runs.wandb_run import point_entry

if TYPE_CHECKING:
    from wandb_workspaces.reports import v2 as wr
    from wandb_workspaces.workspaces import Section

_LAMBDA = "defense.lambda_"
"""The number: `lambda` itself is as typed, and 1/2 a text."""

_TRAINING = [("loss",), ("learning_rate",), ("clean_accuracy", "perturbed_accuracy")]

_FLAGS = {
    "adv": "Predictions broken by the search that found it",
    "hyp": "Mistakes hidden by the search that found it",
    "sta": "Mistakes moved by the search that found it",
    "passes": "Images put through the model by the search",
}
"""What the searches decide, and what they take."""


def sections(of_runs: Sequence[Findings], searches: Sequence[Mapping[str, object]]) -> list[Section]:
    """The panels of a workspace, those of one subject together."""
    from wandb_workspaces import workspaces as ws

    panels = {
        "Trade-off": tradeoff(),
        "Accuracy": [against_lambda(metric) for metric in ("D", "A", "F")],
        "Risks": [against_lambda(metric) for metric in ("R_nat", "R_adv_plus", "R_hyp_minus", "R_sta")],
        "Findings": of_findings(of_runs),
        "Searches": of_searches(searches),
        "Training": [_over_epochs(*names) for names in _TRAINING],
        "System": [_over_epochs("images_per_second"), _over_epochs("seconds")],
    }
    return [
        ws.Section(name=name, panels=shown, is_open=name == "Trade-off") for name, shown in panels.items() if shown
    ]


def tradeoff() -> list[Any]:
    """The scatter plot of the paper, the same with λ as its third axis, and Figure 7's."""
    from wandb_workspaces.reports import v2 as wr

    def scatter(y: str, **more: Any) -> wr.ScatterPlot:
        shown = {"legend_template": "${config:defense.name} λ = ${config:lambda}, seed ${config:seed}", **more}
        title = f"{METRICS[y]} against {METRICS['R_nat']}" + (", and λ" if "z" in more else "")
        return wr.ScatterPlot(title=title, x=wr.SummaryMetric("R_nat"), y=wr.SummaryMetric(y), **shown)

    return [scatter("R_hyp_minus"), scatter("R_hyp_minus", z=wr.Config(_LAMBDA)), scatter("R_adv")]


def of_findings(of_runs: Sequence[Findings]) -> list[Any]:
    """Every share and number against λ, and for each curve the bars of every run over its variable's values."""
    from wandb_workspaces.reports import v2 as wr

    found: list[Any] = [against_lambda(each.name, each.about) for each in quantities(of_runs).values()]
    for curve in curves(of_runs).values():
        at = dict.fromkeys(point["at"] for findings in of_runs for point in points(findings, curve) or ())
        bars = [wr.SummaryMetric(point_entry(curve.finding, curve.name, each)) for each in at]
        found.append(wr.BarPlot(title=f"{curve.about}, over {curve.axis}", metrics=bars))
    return found


def of_searches(searches: Sequence[Mapping[str, object]]) -> list[Any]:
    """For every flag, and the passes, the bars of each run over its searches, where any run has several."""
    from wandb_workspaces.reports import v2 as wr

    if all(len(of_run) < 2 for of_run in searches):
        return []
    names = dict.fromkeys(name for of_run in searches for name in of_run)
    return [
        wr.BarPlot(
            title=about,
            metrics=[wr.SummaryMetric(f"searches.{name}.{flag}") for name in names],
        )
        for flag, about in _FLAGS.items()
    ]


def against_lambda(metric: str, about: str = "") -> wr.ScatterPlot:
    """One share or number against λ, called what it is about."""
    from wandb_workspaces.reports import v2 as wr

    title = f"{about or METRICS[metric]} against λ"
    return wr.ScatterPlot(title=title, x=wr.Config(_LAMBDA), y=wr.SummaryMetric(metric))


def _over_epochs(*names: str) -> wr.LinePlot:
    from wandb_workspaces.reports import v2 as wr

    return wr.LinePlot(title=" and ".join(names).replace("_", " "), x="epoch", y=[*names])
