"""The workspace and the report, as JSON and on a server on loopback."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from fake_findings import UNDER_SAND, WRINKLED, add_wrinkles
from fake_runs import make_run
from tracked_runs import command, make_tracked
from wandb_server import WandbServer

from analysis.reading.collect import collect
from analysis.wandb import dashboards


def test_defenses_with_a_lambda_keep_their_colours_when_a_baseline_joins(tmp_path: Path) -> None:
    for defense in ("thrm", "trades"):
        make_run(tmp_path, defense)
    before = dashboards.colors(collect(tmp_path))
    make_run(tmp_path, "pgd_at", None)
    after = dashboards.colors(collect(tmp_path))
    assert len(set(after.values())) == 3
    assert before.items() < after.items()


def test_a_workspace_and_a_report_are_saved_and_then_updated(server: WandbServer, tracked: Path) -> None:
    for _ in range(2):
        code, said, _ = command(server, "wandb", "--project", "tester/hypo", tracked)
        assert code == 0
        assert [line.startswith(f"{server.url}/tester/hypo") for line in said.splitlines()] == [True, True]
    kinds = {view["type"]: json.loads(view["spec"]) for view in server.views.values()}
    assert len(server.views) == len(kinds) == 2
    assert kinds.keys() == {"project-view", "runs"}
    sections = kinds["project-view"]["section"]["panelBankConfig"]["sections"]
    named = [section["name"] for section in sections if section["panels"]]
    assert named == ["Trade-off", "Accuracy", "Risks", "Training", "System"]
    first, with_lambda, figure_7 = sections[0]["panels"]
    assert (first["config"]["xAxis"], first["config"]["yAxis"]) == ("summary:R_nat", "summary:R_hyp_minus")
    assert with_lambda["config"]["zAxis"] == "config:defense.value.lambda_"
    assert (figure_7["config"]["xAxis"], figure_7["config"]["yAxis"]) == ("summary:R_nat", "summary:R_adv")


def axes(specification: dict) -> list[tuple[str, ...]]:
    """What every panel of a workspace shows."""
    sections = specification["spec"]["section"]["panelBankConfig"]["sections"]
    panels = [panel["config"] for section in sections for panel in section["panels"]]
    return [(panel["chartTitle"], panel.get("xAxis"), panel.get("yAxis")) for panel in panels]


def test_a_dry_run_needs_no_server_and_no_account(tracked: Path, tmp_path: Path) -> None:
    file = tmp_path / "board.json"
    gone = "http://127.0.0.1:9"
    done = command(gone, "wandb", "--project", "me/hypo", "--dry-run", tracked, "-o", file, key="")
    assert done == (0, f"{file}\n", "")
    found = json.loads(file.read_text())
    in_documents = Path(__file__).parents[2] / "docs" / "wandb-workspace.json"
    assert axes(found["workspace"]) == axes(json.loads(in_documents.read_text("utf-8")))
    assert (found["workspace"]["entity"], found["workspace"]["project"]) == ("me", "hypo")
    assert found["report"]["project"]["entityName"] == "me"
    colors = found["workspace"]["spec"]["section"]["customRunColors"]
    assert set(colors.values()) == {"#0072B2"}
    assert len(colors) == 3
    blocks = found["report"]["spec"]["blocks"]
    assert sum(block["type"] == "panel-grid" for block in blocks) == 3
    assert "hypocritical risk" in json.dumps(blocks[-2:], ensure_ascii=False)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "wandb: takes --project entity/project, --sync or both"),
        (["--project", "hypo"], "--project: takes entity/project, got 'hypo'"),
        (["--sync", "--dry-run"], "--dry-run: uploads nothing, leave out --sync"),
        (["--sync", "nowhere"], "nowhere does not exist"),
        (["--project", "me/hypo", "-o", "views.json"], "-o: goes with --dry-run"),
        (["--project", "me/a%b"], "--project: takes entity/project, got 'me/a%b'"),
    ],
)
def test_wrong_input_is_one_line(arguments: list[str], message: str) -> None:
    code, said, errors = command("http://127.0.0.1:9", "wandb", *arguments)
    assert (code, said) == (2, "")
    assert message in errors
    assert errors.count("\n") == 1


def test_what_a_measurement_found_has_panels(outputs: Path, tmp_path: Path) -> None:
    add_wrinkles(make_tracked(outputs, 0))
    file = tmp_path / "board.json"
    done = command("http://127.0.0.1:9", "wandb", "--project", "me/hypo", "--dry-run", outputs, "-o", file, key="")
    assert done[0] == 0
    found = json.loads(file.read_text())
    sections = found["workspace"]["spec"]["section"]["panelBankConfig"]["sections"]
    (section,) = [section for section in sections if section["name"] == "Findings"]
    boundary, never, sand, cloth = (panel["config"] for panel in section["panels"])
    assert (boundary["chartTitle"], boundary["yAxis"]) == (f"{WRINKLED} against λ", "summary:W_boundary")
    assert never["yAxis"] == "summary:W_never"
    assert sand["chartTitle"] == f"{UNDER_SAND}, over radius (pixels)"
    assert json.dumps(cloth).count("wrinkles/cloth/") == 3
    assert "What else was found" in json.dumps(found["report"])


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of W&B's own code, when it is imported
def test_what_further_searches_decided_has_a_panel_for_each_flag() -> None:
    def of_searches(*of_runs: dict[str, object]) -> dict[str, list[str]]:
        found = dashboards.specifications("me", "hypo", {}, searches=of_runs)["workspace"]
        sections = found["spec"]["section"]["panelBankConfig"]["sections"]
        panels = [panel["config"] for each in sections if each["name"] == "Searches" for panel in each["panels"]]
        return {panel["chartTitle"]: panel["metrics"] for panel in panels}

    assert of_searches({"attack": {}}, {}) == {}
    found = of_searches({"attack": {}}, {"attack": {}, "random": {}})
    assert found["Mistakes hidden by the search that found it"] == [
        "summary_metrics.searches.attack.hyp",
        "summary_metrics.searches.random.hyp",
    ]
    assert found["Images put through the model by the search"][1] == "summary_metrics.searches.random.passes"
    assert len(found) == 4
