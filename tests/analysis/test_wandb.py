"""`python -m analysis wandb` and `--from-wandb` against a server on loopback, each command in its own process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pandas
import pytest
from fake_runs import add_sweep, make_run
from wandb_server import WandbServer

from analysis import dashboards
from analysis.collect import collect
from hypo import tracking

HISTORY = "epoch,learning_rate,loss,clean_accuracy,perturbed_accuracy,seconds\n"
EPOCHS = [f"{epoch},0.01,{1 / epoch!r},0.5,nan,0.1\n" for epoch in range(1, 6)]


@pytest.fixture
def server() -> Iterator[WandbServer]:
    with WandbServer() as started:
        yield started


def command(
    server: WandbServer | str, *arguments: object, key: str = "a" * 40, entity: str | None = None
) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of `python -m analysis ...`."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("WANDB_")}
    environment |= {"WANDB_ENTITY": entity} if entity else {}
    url = server if isinstance(server, str) else server.url
    done = subprocess.run(
        [sys.executable, "-m", "analysis", *map(str, arguments)],
        env={**environment, "WANDB_BASE_URL": url, "WANDB_API_KEY": key, "WANDB_ERROR_REPORTING": "false"},
        capture_output=True,
        text=True,
        timeout=200,
    )
    return done.returncode, done.stdout, done.stderr


def make_tracked(outputs: Path, seed: int, epochs: int = 5, state: str = "done") -> Path:
    """A run directory whose settings name a W&B project, with a history."""
    tracked = {"mode": "offline", "project": "hypo", "entity": None}
    run = make_run(outputs, "thrm", 5, seed, state=state, R_nat=0.04, R_hyp_minus=0.8, undefined=None)
    text = (run / "config.yaml").read_text().replace("tracking: offline", f"tracking: {json.dumps(tracked)}")
    (run / "config.yaml").write_text(text)
    (run / "history.csv").write_text(HISTORY + "".join(EPOCHS[:epochs]))
    return run


@pytest.fixture
def outputs(tmp_path: Path) -> Path:
    """A run that is done, one that failed after three epochs, one that is running, and the sweep of the first."""
    outputs = tmp_path / "outputs"
    add_sweep(outputs, "a-sweep", [make_tracked(outputs, 0).name])
    make_tracked(outputs, 1, epochs=3, state="failed")
    make_tracked(outputs, 2, epochs=2, state="running")
    return outputs


def test_what_has_ended_is_uploaded_once_and_only_what_is_new_later(server: WandbServer, outputs: Path) -> None:
    code, said, errors = command(server, "wandb", "--sync", outputs)
    assert (code, errors) == (0, "")
    assert said.splitlines() == [
        "digits_mlp_thrm_lambda5-s0: 5 epochs, results",
        "digits_mlp_thrm_lambda5-s1: 3 epochs",
    ]
    done, failed = server.runs.values()
    assert (done.name, done.group, done.job_type) == ("thrm-lambda5-linf0.1-s0", "a-sweep", "train")
    assert done.tags == ["thrm", "digits"]
    assert [row["epoch"] for row in done.history] == [1, 2, 3, 4, 5]
    assert done.summary["R_hyp_minus"] == 0.8
    assert "run_id" not in done.summary
    assert done.summary["intervals"]["R_hyp_minus"] == pytest.approx([0.79, 0.81])
    assert (done.state, failed.state) == ("finished", "failed")
    assert [row["epoch"] for row in failed.history] == [1, 2, 3]

    assert command(server, "wandb", "--sync", outputs) == (0, "", "")
    (failed_run,) = (outputs / "runs").glob("*-s1-*")
    (failed_run / "history.csv").write_text(HISTORY + "".join(EPOCHS))
    assert command(server, "wandb", "--sync", outputs)[1] == "digits_mlp_thrm_lambda5-s1: 2 epochs\n"
    assert [row["epoch"] for row in failed.history] == [1, 2, 3, 4, 5]
    assert len(server.runs) == 2


def test_epochs_that_never_arrived_are_added_whatever_came_after_them(server: WandbServer, outputs: Path) -> None:
    """As when the server was away for a while; its summary knows of the last epoch all the same."""
    command(server, "wandb", "--sync", outputs)
    done = next(iter(server.runs.values()))
    done.lines[1:3] = []
    assert command(server, "wandb", "--sync", outputs)[1] == "digits_mlp_thrm_lambda5-s0: 2 epochs\n"
    assert sorted(row["epoch"] for row in done.history) == [1, 2, 3, 4, 5]
    steps = [row["_step"] for row in done.history]
    assert steps == sorted(set(steps))
    assert done.summary["epoch"] == 5
    assert command(server, "wandb", "--sync", outputs) == (0, "", "")


def test_a_run_whose_end_the_server_missed_is_ended(server: WandbServer, outputs: Path) -> None:
    command(server, "wandb", "--sync", outputs)
    done = next(iter(server.runs.values()))
    done.crashed = True
    assert command(server, "tables", "--from-wandb", "tester/hypo")[0] == 1
    assert command(server, "wandb", "--sync", outputs)[1] == "digits_mlp_thrm_lambda5-s0: 0 epochs\n"
    assert done.state == "finished"
    assert len(done.history) == 5


def test_the_entity_of_the_environment_is_obeyed(
    server: WandbServer, outputs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    answer = server.graphql
    monkeypatch.setattr(
        server, "graphql", lambda name, values: (asked.append((name, values)), answer(name, values))[1]
    )
    assert command(server, "wandb", "--sync", outputs, entity="a-team")[0] == 0
    entities = {values["entity"] for name, values in asked if name in ("Runs", "RunResumeStatus")}
    assert entities == {"a-team"}


def test_an_upload_that_fails_says_so_and_the_next_one_completes_it(server: WandbServer, outputs: Path) -> None:
    server.status = 500
    code, _, errors = command(server, "wandb", "--sync", outputs)
    assert code == 2
    assert errors.startswith("python -m analysis: --sync: ")
    assert errors.count("\n") == 1
    server.status = 200
    assert command(server, "wandb", "--sync", outputs)[0] == 0
    assert [len(run.history) for run in server.runs.values()] == [5, 3]


def test_a_run_whose_server_was_gone_is_complete_after_a_later_upload(server: WandbServer, tmp_path: Path) -> None:
    with WandbServer() as gone:
        pass
    done = subprocess.run(
        [sys.executable, "-m", "hypo.run", "recipe.epochs=3", "tracking=online", f"output_dir={tmp_path}"],
        env={**os.environ, "WANDB_BASE_URL": gone.url, "WANDB_API_KEY": "a" * 40},
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == 0
    assert done.stderr.count("W&B: ") == 1
    assert command(server, "wandb", "--sync", tmp_path)[0] == 0
    (run,) = server.runs.values()
    (directory,) = (tmp_path / "runs").iterdir()
    history = pandas.read_csv(directory / "history.csv")
    assert [row["epoch"] for row in run.history] == [1, 2, 3]
    assert [row["loss"] for row in run.history] == pytest.approx(list(history["loss"]))
    result = json.loads((directory / "result.json").read_text())
    for key in ("D", "A", "F", "counts"):
        assert run.summary[key] == result[key]
    assert any("hidden" in name for name in run.media)


def test_an_unreachable_server_is_one_line(outputs: Path) -> None:
    with WandbServer() as gone:
        pass
    for arguments in (["wandb", "--sync", outputs], ["tables", "--from-wandb", "me/hypo"]):
        code, said, errors = command(gone, *arguments)
        assert (code, said) == (2, "")
        assert "no answer from http://127.0.0.1" in errors
        assert errors.count("\n") == 1


def test_a_projects_runs_are_the_table_of_the_folder(server: WandbServer, outputs: Path, tmp_path: Path) -> None:
    command(server, "wandb", "--sync", outputs)
    code, said, errors = command(server, "runs", "--from-wandb", "tester/hypo", "-o", tmp_path / "runs.parquet")
    assert code == 1  # one failed
    assert "digits_mlp_thrm_lambda5-s1: failed, as W&B has it" in errors
    theirs = pandas.read_parquet(tmp_path / "runs.parquet").set_index("run_id")
    ours = collect(outputs).set_index("run_id").loc[theirs.index]
    for column in ("name", "state", "dataset", "arch", "defense", "lambda", "epsilon", "seed", "settings"):
        assert list(theirs[column]) == list(ours[column]), column
    for column in ("D", "R_nat", "R_hyp_minus", "R_hyp_minus_lower", "R_hyp_minus_upper"):
        assert list(theirs[column]) == pytest.approx(list(ours[column]), nan_ok=True), column
    code, said, _ = command(server, "tables", "--from-wandb", "tester/hypo")
    assert "| thrm | 5 | 1 of 2 |" in said


def test_a_project_that_is_not_there_is_one_line(server: WandbServer) -> None:
    code, _, errors = command(server, "tables", "--from-wandb", "tester/nothing")
    assert code == 2
    assert "python -m analysis: tester/nothing: W&B says:" in errors
    assert "ould not find project" in errors
    assert command(server, "tables", "--from-wandb", "")[::2] == (
        2,
        "python -m analysis: --from-wandb: takes entity/project, got ''\n",
    )


def test_targeted_rates_need_run_directories(server: WandbServer, outputs: Path, tmp_path: Path) -> None:
    command(server, "wandb", "--sync", outputs)
    code, _, errors = command(server, "targeted", "--from-wandb", "tester/hypo", "-o", tmp_path)
    assert (code, errors.count("\n")) == (2, 1)
    assert "targeted: takes run directories, which W&B's runs are not, got wandb:" in errors


def test_folders_that_wandb_wrote_offline_are_a_source_too(server: WandbServer, tmp_path: Path) -> None:
    config = {"schema": 1, "name": "digits-mlp-a", "dataset": {"name": "digits"}, "defense": {"name": "thrm"}}
    config |= {
        "lambda": 5,
        "epsilon": "8/255",
        "seed": 3,
        "threat_model": {"name": "linf"},
        "arch": {"name": "mlp"},
    }
    result = {name: 0.5 for name in ("D", "A", "F", "R_nat", "R_adv", "R_adv_plus", "R_hyp", "R_sta")}
    result |= {"R_hyp_minus": 0.75, "R_sta_minus": None, "intervals": {"R_hyp_minus": [0.7, 0.8]}}
    for name, summaries in (("first", [{}, result]), ("killed", [None])):
        for summary in summaries:  # two parts: it was interrupted and resumed
            (tmp_path / name).mkdir(exist_ok=True)
            mirror = tracking.Tracking("offline").start(
                tmp_path / name, run_id=name, name="a", group=None, tags=[], config=config
            )
            mirror.log({"epoch": 1, "loss": 0.5})
            if summary is not None:
                mirror.finish(summary, exit_code=0 if summary else 1)
            tracking.close()
    frame = collect(tmp_path).set_index("run_id")
    assert list(frame.index) == ["first", "killed"]
    first = frame.loc["first"]
    assert (first["state"], first["defense"], first["lambda"], first["epsilon"]) == ("done", "thrm", "5", "8/255")
    assert (first["R_hyp_minus"], first["R_hyp_minus_lower"]) == (0.75, 0.7)
    assert pandas.isna(first["R_sta_minus"])
    assert frame.loc["killed", "state"] == "failed"
    code, said, errors = command(server, "wandb", "--sync", tmp_path)
    assert (code, said) == (2, "")
    takes = "--sync: takes run directories; for W&B's own files: wandb sync"
    assert errors == f"python -m analysis: {takes} {first['directory']}\n"


def test_a_later_part_counts_whether_it_was_online_or_not(tmp_path: Path) -> None:
    """Killed while it was online, finished offline: W&B's folders sort the other way round."""
    result = {name: 0.5 for name in ("D", "A", "F", "R_nat", "R_adv", "R_adv_plus", "R_hyp", "R_sta")}
    result |= {"R_hyp_minus": 0.75, "R_sta_minus": None, "intervals": {}}
    for at, folder in enumerate(("run-20261124_112914-a", "offline-run-20261124_112942-a")):
        (tmp_path / str(at)).mkdir()
        mirror = tracking.Tracking("offline").start(
            tmp_path / str(at), run_id="a", name="a", group=None, tags=[], config={"dataset": {"name": "digits"}}
        )
        mirror.log({"epoch": 1 + at})
        if at:
            mirror.finish(result)
        tracking.close()
        (made,) = (tmp_path / str(at) / "wandb").glob("offline-run-*")
        (tmp_path / "wandb").mkdir(exist_ok=True)
        made.rename(tmp_path / "wandb" / folder)
    frame = collect(tmp_path)
    assert list(frame["state"]) == ["done"]


def test_defenses_with_a_lambda_keep_their_colours_when_a_baseline_joins(tmp_path: Path) -> None:
    for defense in ("thrm", "trades"):
        make_run(tmp_path, defense)
    before = dashboards.colors(collect(tmp_path))
    make_run(tmp_path, "pgd_at", None)
    after = dashboards.colors(collect(tmp_path))
    assert len(set(after.values())) == 3
    assert before.items() < after.items()


def test_a_workspace_and_a_report_are_saved_and_then_updated(server: WandbServer, outputs: Path) -> None:
    for _ in range(2):
        code, said, _ = command(server, "wandb", "--project", "tester/hypo", outputs)
        assert code == 0
        assert [line.startswith(f"{server.url}/tester/hypo") for line in said.splitlines()] == [True, True]
    kinds = {view["type"]: json.loads(view["spec"]) for view in server.views.values()}
    assert len(server.views) == len(kinds) == 2
    assert kinds.keys() == {"project-view", "runs"}
    sections = kinds["project-view"]["section"]["panelBankConfig"]["sections"]
    named = [section["name"] for section in sections if section["panels"]]
    assert named == ["Trade-off", "Accuracy", "Risks", "Training", "System"]
    first, with_lambda, _ = sections[0]["panels"]
    assert (first["config"]["xAxis"], first["config"]["yAxis"]) == ("summary:R_nat", "summary:R_hyp_minus")
    assert with_lambda["config"]["zAxis"] == "config:defense.value.lambda_"


def test_a_dry_run_needs_no_server_and_no_account(outputs: Path, tmp_path: Path) -> None:
    file = tmp_path / "board.json"
    gone = "http://127.0.0.1:9"
    done = command(gone, "wandb", "--project", "me/hypo", "--dry-run", outputs, "-o", file, key="")
    assert done == (0, f"{file}\n", "")
    found = json.loads(file.read_text())
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
