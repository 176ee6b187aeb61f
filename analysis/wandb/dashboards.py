"""A W&B workspace and a W&B report on the trade-off, as specifications, and saved on a server."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from analysis.curves.drawing import COLORS
from analysis.escaping import one_line
from analysis.reading.findings import MARK, Findings, warnings
from analysis.tables.cells import SYMBOLS
from analysis.wandb.panels import against_lambda, of_findings, of_searches, sections, tradeoff
from hypo.settings.errors import InputError

if TYPE_CHECKING:
    import pandas
    from wandb_workspaces.reports import v2 as wr
    from wandb_workspaces.workspaces import Workspace

TITLE = "Hypocritical risk: the trade-off"

_VIEW = "nw-hypotradeoff-v"
"""The workspace's name in addresses; with one of its own it is found again and updated."""

_METHOD = (
    "A false friend nudges inputs so that mistakes become correct predictions. Natural risk R_nat is the share of "
    "mistakes; hypocritical risk R_hyp_minus the share of the mistakes that a false friend can hide within ε; "
    "adversarial risk R_adv the share of all examples that are wrong once an adversary has moved them, and "
    "R_adv_plus the share of the correct predictions that it can break. Each run is one model, trained with one "
    "defense at one λ and seed; the attack is the one in its settings. "
    "Risks are measured on the test set, with 95 % Wilson intervals in the summary (Tao et al., AAAI 2022)."
)


def colors(frame: pandas.DataFrame) -> dict[str, str]:
    """For every run of `frame` (from `collect`) by its id the colour of its defense; those with a λ come first.

    So a baseline that joins later takes none of theirs.
    """
    runs = frame[frame["settings"] != ""]
    weighed = set(runs.loc[runs["lambda"] != "", "defense"])
    names = sorted(runs["defense"].unique(), key=lambda name: (name not in weighed, name))
    palette = {name: COLORS[at % len(COLORS)] for at, name in enumerate(names)}
    return dict(zip(runs["run_id"], runs["defense"].map(palette), strict=True))


def workspace(
    entity: str,
    project: str,
    run_colors: Mapping[str, str],
    of_runs: Sequence[Findings] = (),
    searches: Sequence[Mapping[str, object]] = (),
) -> Workspace:
    """The workspace: sections for trade-off, accuracy, risks, what else was found and by whom, training, system.

    Args:
        run_colors: by run id; a run that it does not name gets a colour from W&B.
        of_runs: the findings of each run; every share and curve in them has a panel.
        searches: the searches of each run by name, in turn; where a run has several, so does what they decided.
    """
    from wandb_workspaces import workspaces as ws

    return ws.Workspace(
        entity=entity,
        project=project,
        name=TITLE,
        sections=sections(of_runs, searches),
        settings=ws.WorkspaceSettings(x_axis="epoch", max_runs=100),
        runset_settings=ws.RunsetSettings(
            run_settings={run_id: ws.RunSettings(color=color) for run_id, color in run_colors.items()},
            pinned_columns=_columns(of_runs),
        ),
    )


def report(
    entity: str,
    project: str,
    run_colors: Mapping[str, str],
    of_runs: Sequence[Findings] = (),
    searches: Sequence[Mapping[str, object]] = (),
) -> wr.Report:
    """The report: the trade-off, every metric against λ, what else was found, the runs, how they were measured."""
    from wandb_workspaces.reports import v2 as wr

    def runs() -> wr.Runset:
        # Without a project of its own it has the report's, and needs no server to say so.
        return wr.Runset(
            name="runs",
            run_settings={run_id: wr.RunSettings(color=color) for run_id, color in run_colors.items()},
            pinned_columns=_columns(of_runs),
        )

    found = [*of_findings(of_runs), *of_searches(searches)]
    besides = [wr.H1("What else was found"), wr.PanelGrid(runsets=[runs()], panels=found, hide_run_sets=True)]
    return wr.Report(
        entity=entity,
        project=project,
        title=TITLE,
        description="Natural against hypocritical risk, defense by λ",
        blocks=[
            wr.H1("The trade-off"),
            wr.P("Natural risk to the right, hypocritical risk upwards; the good corner is at the bottom left. "),
            wr.PanelGrid(runsets=[runs()], panels=tradeoff(), hide_run_sets=True),
            wr.H1("Against λ"),
            wr.PanelGrid(
                runsets=[runs()], panels=[against_lambda(metric) for metric in SYMBOLS], hide_run_sets=True
            ),
            *(besides if found else []),
            wr.H1("Runs"),
            wr.PanelGrid(runsets=[runs()], panels=[]),
            *(wr.P(f"{MARK} {text}") for text in warnings(of_runs)),
            wr.H1("Method"),
            wr.P(_METHOD),
        ],
        width="fluid",
    )


def specifications(
    entity: str,
    project: str,
    run_colors: Mapping[str, str],
    of_runs: Sequence[Findings] = (),
    searches: Sequence[Mapping[str, object]] = (),
) -> dict[str, Any]:
    """Both as W&B is sent them, without asking a server."""
    views = {"workspace": workspace, "report": report}
    models = {
        name: make(entity, project, run_colors, of_runs, searches)._to_model() for name, make in views.items()
    }
    return {name: json.loads(model.model_dump_json(by_alias=True)) for name, model in models.items()}


def publish(
    entity: str,
    project: str,
    run_colors: Mapping[str, str],
    of_runs: Sequence[Findings] = (),
    searches: Sequence[Mapping[str, object]] = (),
) -> list[str]:
    """Save both, in the place of those that were saved before, and return their addresses.

    Raises:
        InputError: the server refused, or did not answer.
    """
    import wandb

    wandb.setup(wandb.Settings(silent=True))
    board, text = (make(entity, project, run_colors, of_runs, searches) for make in (workspace, report))
    try:
        board._internal_name, board._internal_id = _VIEW, _saved_workspace(entity, project)
        text.id = _saved_report(entity, project)
        board.save()
        text.save()
    except Exception as error:
        # wandb reports refusals, time-outs and missing keys with a dozen types of exception.
        raise InputError(f"--project: {entity}/{project}: W&B says: {one_line(error)}") from None
    return [board.url, text.url]


def _saved_workspace(entity: str, project: str) -> str:
    """The id of the workspace that an earlier call saved, "" where there is none."""
    from wandb_workspaces.workspaces.internal import View

    try:
        return View.from_name(entity, project, _VIEW).id
    except ValueError:
        return ""


def _saved_report(entity: str, project: str) -> str:
    import wandb

    saved = wandb.Api().reports(f"{entity}/{project}")
    return next((str(each.id) for each in saved if each.display_name == TITLE), "")


_COLUMNS = [
    *("config:defense.value.name", "config:lambda.value", "config:dataset.value.name", "config:epsilon.value"),
    *("config:seed.value", *(f"summary:{metric}" for metric in SYMBOLS)),
]


def _columns(of_runs: Sequence[Findings]) -> list[str]:
    """Those of the table of runs: with the warnings of each measurement that has any."""
    warning = {key: None for findings in of_runs for key, found in findings.items() if found["warning"]}
    return [*_COLUMNS, *(f"summary:findings.{key}.warning" for key in warning)]
