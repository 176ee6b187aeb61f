"""The report's files: what they say, that text from a config stays text, and how large they are."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from fake_findings import WRINKLED, add_finding, add_wrinkles, curve
from fake_report import add_files, make_outputs
from fake_runs import make_run

from analysis.__main__ import main
from analysis.reading.collect import collect
from analysis.report.write import write_report

PICTURE = "measurements/pictures/hidden.png"


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a report on fake runs."""
    home = tmp_path_factory.mktemp("report")
    assert main(["report", str(make_outputs(home / "outputs")), "-o", str(home / "report")]) == 1
    return home / "report"


def data(page: Path) -> dict:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page.read_text())
    assert found
    return json.loads(found[1])


def test_the_first_page_says_what_was_run_and_what_is_missing(report: Path) -> None:
    text = report.joinpath("index.html").read_text()
    assert "15 runs:" in text
    assert "14 done, 1 failed" in " ".join(text.split())
    assert "diverged: &lt;b&gt;loss&lt;/b&gt; is nan" in text
    assert "python -m hypo.run defense=trades lambda=1000 seed=0" in text


def test_the_charts_have_a_point_a_run_and_a_mean_a_cell(report: Path) -> None:
    found = data(report / "index.html")
    assert [each["epsilon"] for each in found["experiments"]] == ["0.1", "0.2"]
    charts = found["charts"]
    assert len(charts["runs"]) == 14
    cell = next(each for each in charts["cells"] if (each["defense"], each["lambda"]) == ("thrm", "10"))
    assert cell["R_nat"] == pytest.approx(5.05)
    assert cell["R_nat_shown"] == "5.05 ± 0.07"
    assert cell["R_hyp_minus_low"] == pytest.approx(79.5 - 0.7071, abs=1e-3)
    assert {each["experiment"] for each in charts["runs"] if each["R_nat"] == 11} == {1}


def test_it_opens_with_the_experiment_that_has_most_to_show(tmp_path: Path) -> None:
    make_run(tmp_path / "outputs", epsilon=0.05)
    for lambda_ in (1, 700):
        make_run(tmp_path / "outputs", lambda_=lambda_)
    assert main(["report", str(tmp_path / "outputs"), "-o", str(tmp_path / "report")]) == 0
    found = data(tmp_path / "report" / "index.html")
    assert found["experiments"][found["first"]]["epsilon"] == "0.1"
    assert '"domain": [0, 700.0]' in (tmp_path / "report" / "assets" / "charts.js").read_text()


def test_nothing_is_loaded_from_elsewhere(report: Path) -> None:
    for page in report.rglob("*.html"):
        for link in re.findall(r'(?:src|href)="([^"#]+)', page.read_text()):
            assert link == "data:," or (page.parent / link).exists(), link


def test_text_from_a_config_stays_text(report: Path) -> None:
    for page in report.rglob("*.html"):
        scripts = re.findall(r"<script[^>]*>", page.read_text())
        assert len(scripts) in (4, 5), page
        assert "<b>loss" not in page.read_text()


def test_a_run_id_that_is_no_file_name_gets_a_page_of_its_own(tmp_path: Path) -> None:
    run = make_run(tmp_path / "outputs")
    config = (run / "config.yaml").read_text()
    (run / "config.yaml").write_text(re.sub("run_id: .*", "run_id: ../../escaped", config))
    assert main(["report", str(tmp_path / "outputs"), "-o", str(tmp_path / "report")]) == 0
    assert [page.name for page in (tmp_path / "report" / "pages").iterdir()] == ["run-0.html"]


def test_a_runs_page_has_settings_environment_attempts_history_and_pictures(report: Path) -> None:
    page = next(page for page in (report / "pages").glob("*.html") if "thrm_lambda10-s1" in page.read_text())
    text = page.read_text()
    for said in ("lambda<td>10", "node-7", "stretched 15.9 times", "dog</span> → cat"):
        assert said in text
    assert "<td>3.00 GiB</td><td>—</td><td>88 %</td>" in text  # what the attempt used
    assert page.with_name(f"{page.stem}-pictures-hidden.webp").read_bytes()[8:12] == b"WEBP"
    shared = (report / "assets" / "common.js").read_text()
    assert '["recipe.epochs", "40"]' in shared
    history = data(page)["history"]
    assert history["loss"] == pytest.approx([1, 0.5, 0.3333, 0.25, 0.2])
    assert history["clean_accuracy"][:2] == [50, 75]
    assert history["perturbed_accuracy"] == [None] * 5


@pytest.mark.parametrize("name", ["status.json", "result.json", "environment.json", "history.csv", PICTURE])
def test_a_broken_file_costs_its_part_of_the_page_only(tmp_path: Path, name: str) -> None:
    run = make_run(tmp_path / "outputs")
    add_files(run)
    (run / name).write_bytes(b"\xff{[")
    assert main(["report", str(tmp_path / "outputs"), "-o", str(tmp_path / "report")]) in (0, 1)
    (page,) = (tmp_path / "report" / "pages").glob("*.html")
    assert "Settings" in page.read_text()


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("result.json", {"counts": {"D": 5}}),
        ("result.json", {"intervals": {"D": "ab"}}),
        ("result.json", {"intervals": {"D": [None, None]}}),
        ("result.json", {"intervals": 5}),
        ("status.json", {"attempts": ["x", 5]}),
    ],
)
def test_a_file_with_strange_entries_costs_its_part_of_the_page_only(
    tmp_path: Path, name: str, change: dict
) -> None:
    run = make_run(tmp_path / "outputs")
    add_files(run)
    (run / name).write_text(json.dumps(json.loads((run / name).read_text()) | change))
    assert main(["report", str(tmp_path / "outputs"), "-o", str(tmp_path / "report")]) in (0, 1)
    (page,) = (tmp_path / "report" / "pages").glob("*.html")
    assert "Settings" in page.read_text()


def test_a_run_without_config_shows_the_settings_that_are_known(tmp_path: Path) -> None:
    run = make_run(tmp_path / "outputs")
    frame = collect(tmp_path / "outputs")
    shutil.rmtree(run)  # as for a run that was read from W&B
    write_report(frame, tmp_path / "report")
    assert '["recipe.epochs", "40"]' in (tmp_path / "report" / "assets" / "common.js").read_text()


def test_published_rows_stand_beside_ours(tmp_path: Path) -> None:
    outputs = tmp_path / "outputs"
    config = {
        "dataset": {"name": "cifar10"},
        "arch": {"name": "resnet18", "width": 64},
        "threat_model": {"name": "linf", "epsilon": "8/255"},
    }
    make_run(outputs, "thrm", 10, epsilon="8/255", config=config)
    assert main(["report", str(outputs), "-o", str(tmp_path / "report")]) == 0
    text = (tmp_path / "report" / "index.html").read_text()
    assert "tao2022/table10" in text
    published = data(tmp_path / "report" / "index.html")["charts"]["published"]
    lambdas = {each["lambda_value"] for each in published if each["defense"] == "thrm"}
    assert lambdas >= {1, 10, 100}


def test_a_report_of_two_hundred_runs_is_under_three_megabytes(tmp_path: Path) -> None:
    outputs = tmp_path / "outputs"
    settings = {"recipe": {f"setting_{number}": "some value" for number in range(40)}}
    for number in range(200):
        run = make_run(outputs, "thrm", number // 5, number % 5, config=settings)
        add_files(run, epochs=110, size=32, channels=3)
    assert main(["report", str(outputs), "-o", str(tmp_path / "report")]) == 0
    size = sum(file.stat().st_size for file in (tmp_path / "report").rglob("*") if file.is_file())
    assert size < 3e6


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_run(tmp_path / "outputs")
    (tmp_path / "taken").write_text("")
    assert main(["report", str(tmp_path / "outputs"), "-o", str(tmp_path / "taken")]) == 2
    assert "taken: cannot be made a folder" in capsys.readouterr().err


def test_a_page_shows_what_nobody_has_heard_of_by_its_own_words(tmp_path: Path) -> None:
    outputs, folder = tmp_path / "outputs", tmp_path / "report"
    run = add_wrinkles(make_run(outputs), count=30)
    add_finding(
        run, "nasty", "<b>bold</b>", curves=[curve("c", "<i>x</i>", "a $ and __metric__", [("<u>", 1, 2)])]
    )
    assert main(["report", str(outputs), "-o", str(folder)]) == 0
    (page,) = (folder / "pages").glob("*.html")
    text = page.read_text()
    assert "<h2>Wrinkles of the decision boundary</h2>" in text
    assert f"<th>W_b⁺<td>25.00<td>30 of 120<td>[20.00, 30.00]<td>{WRINKLED}" in text
    assert "<th>W_never<td>undefined<td>0 of 0" in text
    assert "<th>fold<td>whether it folds" in text
    assert "<b>attack</b> adv 120, hyp 30, sta 4." in text
    assert "&lt;b&gt;bold&lt;/b&gt;" in text
    assert page.with_name(f"{page.stem}-wrinkles-map.webp").read_bytes()[8:12] == b"WEBP"
    sand, cloth = (data(page)["curves"][f"wrinkles.{name}"] for name in ("sand", "cloth"))
    assert [point["at"] for point in sand] == [0.1, 0.2, 0.4, 0.8]
    assert (cloth[0]["value"], cloth[0]["low"], cloth[0]["counts"]) == (25, pytest.approx(20), "30 of 120")
    assert re.findall('data-chart="(line|bars)"', text) == ["line", "bars", "bars"]


def test_the_first_page_has_shares_in_its_tables_and_to_choose_from(tmp_path: Path) -> None:
    outputs, folder = tmp_path / "outputs", tmp_path / "report"
    add_wrinkles(make_run(outputs), count=30)
    assert main(["report", str(outputs), "-o", str(folder)]) == 0
    text = (folder / "index.html").read_text()
    assert text.count(f'<option value="W_boundary">W_b⁺: {WRINKLED}</option>') == 2
    assert text.count("<th>W_b⁺</th>") == 2
    assert f"<li>W_b⁺: {WRINKLED}" in text
    charts = data(folder / "index.html")["charts"]
    assert (charts["runs"][0]["W_boundary"], charts["cells"][0]["W_boundary"]) == (25, 25)


def test_a_picture_cannot_lead_out_of_the_run(tmp_path: Path) -> None:
    run = make_run(tmp_path / "outputs")
    add_files(run)
    add_finding(run, "bad", "Bad", pictures={"../pictures/hidden": "somebody else's"})
    assert main(["report", str(tmp_path / "outputs"), "-o", str(tmp_path / "report")]) == 0
    assert len(list((tmp_path / "report").rglob("*.webp"))) == 1
