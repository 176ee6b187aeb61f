"""A certified share stands beside what was found: the true one lies between them."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from fake_findings import add_finding
from fake_runs import make_run
from rich.console import Console

from analysis.__main__ import main
from hypo.command_line.result_tables import LABELS, result_table

SHARES = {
    "A_certified": ("lower bound of A", "A", 12, 120),
    "R_hyp_minus_certified": ("upper bound of R_hyp⁻", "R_hyp⁻", 58, 60),
    "R_adv_plus_certified": ("upper bound of R_adv⁺", "R_adv⁺", 0, 0),
}
BOUNDS = {"A_certified": "A", "R_hyp_minus_certified": "R_hyp_minus", "R_adv_plus_certified": "R_adv_plus"}


def certified_run(outputs: Path, *, says_so: bool = True) -> Path:
    """A run with certified shares; earlier versions did not say what they bound."""
    run = add_finding(make_run(outputs, A=0.4, R_hyp_minus=0.84), "certificate", "Certificate", shares=SHARES)
    path = run / "result.json"
    result = json.loads(path.read_text())
    for name, about in result["findings"]["certificate"]["shares"].items():
        about |= {"bounds": BOUNDS[name]} if says_so else {}
    path.write_text(json.dumps(result))
    return run


def page(outputs: Path, report: Path) -> str:
    assert main(["report", str(outputs), "-o", str(report)]) == 0
    (found,) = (report / "pages").glob("*.html")
    return found.read_text()


def shown(run: Path) -> str:
    console = Console(width=200, record=True, file=io.StringIO())
    result = json.loads((run / "result.json").read_text())
    counts = {name: {"count": 1, "of": 2} for name in LABELS}
    intervals: dict[str, None] = dict.fromkeys(LABELS)
    console.print(
        result_table(
            result | {"counts": counts | result["counts"], "intervals": intervals | result["intervals"], "n": 120}
        )
    )
    return console.export_text()


@pytest.mark.parametrize("says_so", [True, False])
def test_a_page_and_the_console_show_both_ends_lower_first(tmp_path: Path, says_so: bool) -> None:
    run = certified_run(tmp_path / "outputs", says_so=says_so)
    for text in (page(tmp_path / "outputs", tmp_path / "report"), shown(run)):
        assert ("[10.00, 40.00]" in text) is says_so
        assert ("[84.00, 96.67]" in text) is says_so
    assert ("found and certified" in page(tmp_path / "outputs", tmp_path / "report")) is says_so
