"""The audit: one file, what it says in words and numbers, and what is left of it where something is missing."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from fake_audit import NASTY, add_classes, add_radii, change, counts, make_audited, set_counts
from fake_findings import WRINKLED, add_finding, add_wrinkles, ask_for
from fake_report import add_files
from fake_runs import make_run

from analysis.__main__ import main
from analysis.audit.write import write
from hypo.settings.errors import InputError


def page(run: Path) -> str:
    """The page on `run`, its lines and spaces run together."""
    return " ".join(write(run, run / "audit.html").read_text().split())


def data(text: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', text)
    assert found
    return json.loads(found[1])


def rows(text: str, labelled: str) -> list[list[str]]:
    """The cells of a table, row by row, without what is marked up in them."""
    table = re.search(rf'<table[^>]*aria-labelledby="{labelled}">(.*?)</table>', text)
    assert table
    return [
        [re.sub(r"<[^>]*>", "", cell).strip() for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row)]
        for row in re.findall(r"<tr>(.*?)</tr>", table[1])
    ]


@pytest.fixture(scope="module")
def audited(tmp_path_factory: pytest.TempPathFactory) -> str:
    return page(make_audited(tmp_path_factory.mktemp("audit") / "outputs"))


def test_the_verdict_comes_first_and_says_what_was_counted(audited: str) -> None:
    assert audited.index('id="verdict"') < audited.index('id="numbers"')
    for said in (
        "Of its 100 mistakes a false friend hides 80 (80.0 %); of its 900 correct predictions an adversary breaks "
        "210 (23.3 %).",
        "Untouched, 900 of 1,000 images (90.0 %) are classified correctly. Moved by an adversary within the "
        "threat model, no more than 69.0 % [64.0, 74.0] are; moved by a false friend, no fewer than 98.0 % "
        "[93.0, 100.0].",
        "at least 8.0 points too good",
        "The risks are what 3 searches found together, in 4.0 times the passes of the first. The first alone, "
        "PGD-20, would have said R_adv⁺ 20.0 % instead of 23.3 % and R_hyp⁻ 60.0 % instead of 80.0 %.",
        "Nothing says that the model masks its gradient: 0 of 7 signs that were looked for.",
        "ℓ∞, ε = 0.1: each pixel value may change by up to that much",
        "python -m hypo.run defense=thrm lambda=5 seed=0",
        "recipe.epochs",
        "device_name" if "device_name" in audited else "a small one",
    ):
        assert said in audited, said


def test_the_four_parts_are_what_the_accuracies_cut(audited: str) -> None:
    parts = re.findall(r'<span class="swatch (\w+)"></span><b>([\d.]+) %</b> .*?\((\d+)\)</li>', audited)
    assert parts == [
        ("kept", "69.0", "690"),
        ("broken", "21.0", "210"),
        ("hidden", "8.0", "80"),
        ("visible", "2.0", "20"),
    ]


def test_the_searches_add_up_to_what_was_found(audited: str) -> None:
    assert rows(audited, "searches") == [
        ["search", "broken", "hidden", "A", "F", "R_adv⁺", "R_hyp⁻", "passes", "×"],
        ["PGD-20", "180", "60", "72.00", "96.00", "20.00", "60.00", "40,000", "1.00"],
        ["margin", "30", "15", "69.00", "97.50", "23.33", "75.00", "100,000", "3.50"],
        ["square", "0", "5", "69.00", "98.00", "23.33", "80.00", "20,000", "4.00"],
        ["all, against the first alone", "", "", "-3.00", "+2.00", "+3.33", "+20.00", "", ""],
    ]


def test_the_classes_are_there_worst_first(audited: str) -> None:
    found = rows(audited, "classes")
    assert found[1][:8] == [
        "&lt;/script&gt;&lt;script&gt;document.title=&#39;taken&#39;&lt;/script&gt;",
        "100",
        *("80.00", "60.00", "95.00", "25.00", "75.00", "15 of 20"),
    ]
    assert [row[0] for row in found[2:]] == ["dog", "cat"]
    assert "1 without a test image are left out" in audited
    drawn = data(audited)["curves"]["classes"]
    assert [(each["at"], each["A"], each["D"], each["F"]) for each in drawn[1:]] == [
        ("dog", 62, 88, 98),
        ("cat", 80, 95, 98.75),
    ]


def test_the_radii_are_drawn_together_and_not_again(audited: str) -> None:
    curves = data(audited)["curves"]
    assert set(curves) == {"radius.accuracies", "radius.risks", "classes", "masking.broken"}
    risks = curves["radius.risks"]
    assert [point["value"] for point in risks if point.get("kind", "").startswith("R_hyp")] == [0, 40, 80, 100]
    assert risks[-1] == {"own": 0.1}
    assert re.findall(r'data-chart="([\w-]+)"', audited) == ["accuracies", "risks", "classes", "rows-2"]


def test_certified_curves_lie_in_the_chart_of_what_was_found(tmp_path: Path) -> None:
    run = add_radii(make_run(tmp_path / "outputs"), certified=True)
    text = page(run)
    assert re.findall(r'data-chart="([\w-]+)"', text) == ["accuracies_certified", "risks_certified"]
    lines = {(point["kind"], point["how"]) for point in data(text)["curves"]["radius.risks"] if "own" not in point}
    assert len(lines) == 4
    assert {how for _, how in lines} == {"found", "certified"}


def test_the_medians_are_said_where_they_are_known(tmp_path: Path) -> None:
    unit = "units of the image range"
    numbers = {
        "hypocritical_radius": ("median hypocritical radius of the mistakes", "HR", 0.0412, unit),
        "adversarial_radius": ("median adversarial radius", "AR", None, unit),
    }
    text = page(add_finding(make_run(tmp_path / "outputs"), "radius", "Radii", numbers=numbers))
    assert f"Half of the mistakes are hidden by perturbations no larger than 0.0412 {unit}." in text
    assert "Half of the correct predictions" not in text
    assert "<th>AR<td>unknown<td>median adversarial radius" in text


def test_it_is_one_file_and_text_from_a_run_stays_text(audited: str) -> None:
    assert not re.search(r'(?:src|href)="(?!data:|#)', audited)
    assert 'src="data:image/webp;base64,UklGR' in audited
    assert NASTY not in audited
    assert len(re.findall(r"<script", audited.partition("const VEGA")[0])) == 2
    assert "default-src 'none'" in audited


def test_a_warning_stands_before_everything_else(tmp_path: Path) -> None:
    run = make_audited(tmp_path / "outputs")
    shares = {"masking_signs": ("signs of gradient masking", None, 2, 7)}
    add_finding(run, "masking", "Gradient masking", shares=shares, warning="2 of 7 signs: <b>no gradient</b>")
    text = page(run)
    assert "<b>Gradient masking</b>: 2 of 7 signs: &lt;b&gt;no gradient&lt;/b&gt;" in text
    assert text.index("Do not take the numbers below at their word") < text.index('id="verdict"')
    assert "The model seems to mask its gradient, 2 of 7 signs" in text


def test_what_is_certified_stands_beside_what_was_found(tmp_path: Path) -> None:
    run = make_audited(tmp_path / "outputs")
    bounds = {"A_certified": ("a bound", "A", 500, 1000), "R_hyp_minus_certified": ("a bound", "R_hyp⁻", 95, 100)}
    add_finding(run, "certificate", "What no attack can do", shares=bounds)
    findings = json.loads((run / "result.json").read_text())["findings"]
    for name in bounds:
        findings["certificate"]["shares"][name]["bounds"] = name.removesuffix("_certified")
    change(run, findings=findings)
    text = page(run)
    found = {row[0].split()[0]: row for row in rows(text, "numbers")}
    assert found["metric"][1:3] == ["found", "found and certified"]
    assert found["R_hyp⁻"][1:3] == ["80.00", "[80.00, 95.00]"]
    assert found["A"][1:3] == ["69.00", "[50.00, 69.00]"]
    assert found["F"][2] == ""
    assert "No false friend whatever hides more than 95.0 % of the mistakes: that is certified" in text


def test_what_nobody_has_heard_of_is_shown_by_its_own_words(tmp_path: Path) -> None:
    text = page(add_wrinkles(make_run(tmp_path / "outputs"), count=30))
    assert "<h2>Wrinkles of the decision boundary</h2>" in text
    assert f"<th>W_b⁺<td>25.00<td>30 of 120<td>[20.00, 30.00]<td>{WRINKLED}" in text
    assert "<th>fold<td>whether it folds" in text
    assert set(data(text)["curves"]) == {"wrinkles.sand", "wrinkles.cloth", "classes"}
    assert text.count('src="data:image/webp') == 1


def test_a_run_with_one_search_and_nothing_else_has_a_page(tmp_path: Path) -> None:
    text = page(make_run(tmp_path / "outputs"))
    assert "found by a single search, attack" in text
    assert "was not looked for (measurement=[masking] does)" in text
    assert "Worst classes" not in text
    assert "The average hides" not in text
    assert "against the first alone" not in text


def test_without_a_mistake_there_is_none_to_hide(tmp_path: Path) -> None:
    run = set_counts(make_run(tmp_path / "outputs"), counts(plus=1000, broken=10, hidden=0))
    add_classes(run, only=(1000, 1000, 10, 0))
    text = page(change(run, n=1000, searches={"attack": {"adv": 10, "hyp": 0, "sta": 0}}))
    assert "There is no mistake among these images" in text
    assert "points too good" not in text
    assert "R_hyp⁻</th>" in text or "R_hyp⁻" in text
    assert "undefined" in text
    assert "The average hides" not in text


def test_a_thousand_classes_are_cut_to_the_worst_twenty(tmp_path: Path) -> None:
    classes = {f"c{number}": (1000, 900, number % 700, 0) for number in range(1000)}
    text = page(add_classes(make_run(tmp_path / "outputs"), **classes))
    assert "The worst 20 of 1000 classes" in text
    assert [row[0] for row in rows(text, "classes")[1:3]] == ["c699", "c698"]
    assert len(rows(text, "classes")) == 21
    assert len(data(text)["curves"]["classes"]) == 20


@pytest.mark.parametrize(
    "name", ["status.json", "environment.json", "history.csv", "measurements/pictures/hidden.png"]
)
def test_a_broken_file_costs_its_part_of_the_page_only(tmp_path: Path, name: str) -> None:
    run = make_audited(tmp_path / "outputs")
    (run / name).write_bytes(b"\xff{[")
    assert "Of its 100 mistakes a false friend hides 80" in page(run)


@pytest.mark.parametrize("counted", [{}, {"D": 5}, {"D": {"count": "x"}}, 5])
def test_strange_counts_cost_the_counts_only(tmp_path: Path, counted: Any) -> None:
    text = page(change(make_audited(tmp_path / "outputs"), counts=counted))
    assert (
        "Of its mistakes a false friend hides 80.0 %; of its correct predictions an adversary breaks 23.3 %."
        in text
    )
    assert "81.0 %" not in text


def test_what_was_asked_for_and_is_missing_is_said(tmp_path: Path) -> None:
    text = page(ask_for(make_run(tmp_path / "outputs"), "radius"))
    assert "Not all that was asked for was measured: it has no finding of radius" in text


def test_the_part_writes_it_beside_the_run_and_says_where(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = make_run(tmp_path / "outputs")
    add_files(run)
    assert main(["audit", str(run)]) == 0
    assert capsys.readouterr().out == f"{run / 'audit.html'}\n"
    assert main(["audit", str(run), "-o", str(tmp_path / "new" / "page.html")]) == 0
    assert (tmp_path / "new" / "page.html").stat().st_size < 1e6


def test_what_has_no_page_is_refused_in_a_line(tmp_path: Path) -> None:
    outputs = tmp_path / "outputs"
    failed = make_run(outputs, state="failed", status={"reason": "diverged"})
    with pytest.raises(InputError, match="takes a finished run; this one is failed: failed: diverged"):
        write(failed, tmp_path / "audit.html")
    make_run(outputs, seed=1)
    with pytest.raises(InputError, match="takes the directory of one run, got 2 runs"):
        write(outputs, tmp_path / "audit.html")
    with pytest.raises(InputError, match="does not exist"):
        write(tmp_path / "nowhere", tmp_path / "audit.html")
