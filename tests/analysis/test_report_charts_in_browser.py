"""The report's charts as a browser draws them: labels beside their points, shares, curves."""

from __future__ import annotations

import time
from itertools import combinations, product
from pathlib import Path

from browsing import IN_BROWSER, drawn, find, go, points, tooltip, wait
from fake_findings import add_wrinkles
from fake_runs import make_run
from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import Select

from analysis.__main__ import main

pytestmark = IN_BROWSER


def boxes(browser: webdriver.Chrome, chart: str) -> list[tuple[str, dict[str, float], float]]:
    """Of every λ in a chart its text, its box, and how far its middle is from the nearest point."""
    return browser.execute_script(  # type: ignore[no-any-return]
        """
        const all = (marks) => [...document.querySelectorAll(`#${arguments[0]} ${marks}`)];
        const points = all(".mark-symbol.role-mark path").map((point) => point.getBoundingClientRect());
        return all(".mark-text.role-mark text").filter((text) => text.textContent).map((text) => {
          const box = text.getBoundingClientRect();
          const away = ({ x, y, width, height }) =>
            Math.hypot(x + width / 2 - box.x - box.width / 2, y + height / 2 - box.y - box.height / 2);
          return [text.textContent, box.toJSON(), Math.min(...points.map(away))];
        });
        """,
        chart,
    )


def meeting(browser: webdriver.Chrome, chart: str, labels: int) -> list[tuple[str, str]]:
    """The pairs of labels that overlap; each of the `labels` has to be beside a point, not on it."""
    found = boxes(browser, chart)
    assert len(found) == labels
    assert all(8 < away < 60 for _, _, away in found)
    return [
        (one, other)
        for (one, here, _), (other, there, _) in combinations(found, 2)
        if here["left"] < there["right"] and there["left"] < here["right"]
        if here["top"] < there["bottom"] and there["top"] < here["bottom"]
    ]


def test_no_two_labels_meet(started: webdriver.Chrome, tmp_path: Path) -> None:
    """The paper's grid for two methods at the same places, two λ at one of them; then all crowded in a corner."""
    outputs = tmp_path / "outputs"
    for defense, (at, lambda_) in product(("thrm", "trades"), enumerate((0, 1, 5, 10, 20, 40, 60, 80, 100))):
        where = 8 if lambda_ == 60 else at  # as the λ of 100
        natural, hidden = 0.04 + 0.004 * where, 0.9 - 0.02 * where
        make_run(outputs, defense, lambda_, R_nat=natural, R_hyp_minus=hidden, R_adv_plus=0.5 - 0.01 * where)
        crowded = {"R_nat": 0.1 + 0.0001 * at, "R_hyp_minus": 0.5, "R_adv_plus": 0.5}
        make_run(outputs, defense, lambda_, epsilon=0.2, **crowded)
    make_run(outputs, "standard", None, epsilon=0.2, R_nat=0.4, R_hyp_minus=0.9, R_adv_plus=0.9)
    main(["report", str(outputs), "-o", str(tmp_path / "report")])
    size = started.get_window_size()
    try:
        go(started, (tmp_path / "report" / "index.html").as_uri())
        for epsilon, (width, height) in product(("0.1", "0.2"), ((1200, 1300), (700, 900), (1500, 1300))):
            Select(started.find_element(By.NAME, "epsilon")).select_by_value(epsilon)
            started.set_window_size(width, height)
            time.sleep(0.5)
            for chart in ("tradeoff", "natural"):
                assert meeting(started, chart, 18) == [], (epsilon, width, chart)
    finally:
        started.set_window_size(size["width"], size["height"])
    assert started.get_log("browser") == []


def test_a_share_can_be_chosen_and_a_curve_hovered_over(started: webdriver.Chrome, tmp_path: Path) -> None:
    outputs = tmp_path / "outputs"
    for at, lambda_ in enumerate((1, 10, 100)):
        add_wrinkles(make_run(outputs, "thrm", lambda_, R_nat=0.1 + 0.1 * at), count=30 + 30 * at)
    main(["report", str(outputs), "-o", str(tmp_path / "report")])
    go(started, (tmp_path / "report" / "index.html").as_uri())
    for chart in ("natural", "lambda"):
        Select(started.find_element(By.CSS_SELECTOR, f"[data-metric={chart}]")).select_by_value("W_boundary")
        title = f"#{chart} .role-axis-title text"
        wait(started, lambda title=title: any("W_b⁺" in text.text for text in find(started, title)))
        heights = [point.location["y"] for point in points(started, chart)[:3]]
        assert heights == sorted(heights, reverse=True)
        assert len(set(heights)) == 3
    find(started, "#runs tbody a")[0].click()
    wait(started, lambda: "/pages/" in started.current_url)
    drawn(started)
    assert len(find(started, "[data-chart=bars] .mark-rect path[aria-label]")) == 2  # one is undefined
    line = find(started, "[data-chart=line] .mark-symbol path")
    assert len(line) == 4
    ActionChains(started).move_to_element(line[0]).perform()
    wait(started, lambda: "12 of 120" in tooltip(started))
    assert started.get_log("browser") == []
