"""A sweep that is called like a table or a figure has it: every cell stands in it, and so does its small run."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import pandas
import pytest
from composing import CONF
from named_sweeps import wanted

from analysis.curves.figures.catalogue import ELSEWHERE, FIGURES
from analysis.paper.beside_paper import beside_paper
from analysis.paper.published import SOURCES, PublishedRow, rows_of, table, tables_of
from analysis.paper.published_attacks import attack_of
from analysis.paper.published_recipes import deviations
from analysis.reading.columns import METRICS
from analysis.reading.setting_columns import setting_columns
from hypo.settings.errors import InputError

_FOLDER = CONF.parent / "sweeps"
NAMES = sorted(
    f"{source}/{file.stem}"
    for source in SOURCES
    if source != "tao2022"  # whose tables have tests of their own
    for file in (_FOLDER / source).glob("*.yaml")
    if re.fullmatch(r"(table|figure)\d+", file.stem)
)


def has_table(name: str) -> bool:
    try:
        return bool(tables_of(name))
    except InputError:
        return False


TABLES = [name for name in NAMES if has_table(name)]


@cache
def runs(sweep: str) -> list[dict[str, Any]]:
    """One seed of a sweep, as if it were done."""
    return [
        {
            **setting_columns(job.config),
            **dict.fromkeys(METRICS, 0.5),
            "run_id": job.run_id,
            "state": "done",
            "findings": {key: {"warning": ""} for key in job.config["measurement"]},
        }
        for job in wanted(sweep, "seed=0")
    ]


@pytest.mark.parametrize("name", NAMES)
def test_what_a_sweep_is_called_after_can_be_shown(name: str) -> None:
    assert has_table(name) or name in FIGURES or name in ELSEWHERE


@pytest.mark.parametrize("name", TABLES)
def test_every_cell_is_in_a_row_and_under_a_column_of_its_table(name: str) -> None:
    rows = table(name)
    found: list[PublishedRow] = []
    for run in runs(name):
        (row,) = [row for row in rows if row.matches(run)]
        found.append(row)
        attacks = {attack for attack, _ in row.figures}
        assert attacks == {"clean"} or attack_of(run) in attacks
        assert deviations(run, row.source).texts == ()
    assert [row for row in rows if row not in found] == []


# On ImageNet, the small twins have networks that take small images.
@pytest.mark.parametrize("name", [name for name in TABLES if name not in ("tao2020/table2", "tao2020/table6")])
def test_every_cell_of_a_table_has_the_small_run_that_stands_for_it(name: str) -> None:
    comparison = beside_paper(pandas.DataFrame(runs(f"smoke/{name}"), dtype=object), f"smoke/{name}")
    for row in comparison.rows:
        assert all(pair.ours and pair.ours.n == 1 for pair in row.pairs.values()), row.setting
    assert comparison.unmatched == 0


@pytest.mark.parametrize("name", [name for name in NAMES if name in FIGURES])
def test_a_figure_takes_every_run_of_its_sweep_and_of_its_small_one(name: str) -> None:
    for run in runs(name):
        assert FIGURES[name].has(run)
    for run in runs(f"smoke/{name}"):
        assert FIGURES[name].has(run)


@pytest.mark.parametrize("name", [name for name in NAMES if name in FIGURES and not has_table(name)])
def test_every_experiment_of_a_figure_without_numbers_has_a_run(name: str) -> None:
    lacking = [row.setting for row in rows_of(name) if not any(row.matches(run) for run in runs(name))]
    assert lacking == []
