"""The report as its readers have it: opened in headless Chromium, chosen from, hovered, sorted, typed at.

HYPO_SCREENSHOT_OF=outputs HYPO_SCREENSHOT=docs/report.png in the environment also takes the picture in the README,
of real runs.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from browsing import IN_BROWSER, column, drawn, go, points, tooltip, wait
from fake_report import make_outputs
from PIL import Image
from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select

from analysis.__main__ import main

pytestmark = IN_BROWSER


@pytest.fixture(scope="module")
def first_page(tmp_path_factory: pytest.TempPathFactory) -> str:
    home = tmp_path_factory.mktemp("report")
    assert main(["report", str(make_outputs(home / "outputs")), "-o", str(home / "report")]) == 1
    return (home / "report" / "index.html").as_uri()


@pytest.fixture
def browser(started: webdriver.Chrome, first_page: str) -> Iterator[webdriver.Chrome]:
    """At the first page, drawn; afterwards nothing may have been logged."""
    go(started, first_page)
    yield started
    assert started.get_log("browser") == []


def test_it_opens_with_a_point_a_run_and_a_mean_a_cell(browser: webdriver.Chrome) -> None:
    assert browser.title == "Hypocritical risk: report"  # a run whose name is a script has not changed it
    assert len(points(browser)) == 13 + 7
    assert "digits, mlp, ℓ∞ ε = 0.1" in browser.find_element(By.ID, "chosen").text


def test_choosing_shows_another_experiment(browser: webdriver.Chrome) -> None:
    Select(browser.find_element(By.NAME, "epsilon")).select_by_value("0.2")
    wait(browser, lambda: len(points(browser)) == 2)
    assert "ε = 0.2" in browser.find_element(By.ID, "chosen").text
    shown = [part for part in browser.find_elements(By.CSS_SELECTOR, "[data-experiment]") if part.is_displayed()]
    assert len(shown) == 1
    assert "44.00" in shown[0].text
    Select(browser.find_element(By.NAME, "epsilon")).select_by_value("0.1")
    wait(browser, lambda: len(points(browser)) == 20)


def test_the_only_point_of_an_experiment_stands_at_its_lambda(browser: webdriver.Chrome) -> None:
    Select(browser.find_element(By.NAME, "epsilon")).select_by_value("0.2")
    wait(browser, lambda: len(points(browser, "lambda")) == 2)
    ticks = browser.find_elements(By.CSS_SELECTOR, "#lambda .role-axis-label text")
    places = [tick.location["x"] for tick in ticks if tick.text in ("0", "1", "5", "10")][:4]
    assert len(set(places)) == 4
    point = points(browser, "lambda")[0]
    assert abs(point.location["x"] + point.size["width"] / 2 - places[2]) < 12


def test_hovering_shows_everything_about_a_run(browser: webdriver.Chrome) -> None:
    ActionChains(browser).move_to_element(points(browser)[-1]).perform()
    wait(browser, lambda: "seed" in tooltip(browser))
    said = tooltip(browser)
    risks = ("R_nat", "R_adv", "R_adv⁺", "R_hyp", "R_hyp⁻", "R_sta", "R_sta⁻")
    for name in ("defense", "λ", "seed", "D", "A", "F", *risks, "run"):
        assert name in said.split()


def test_points_can_be_reached_and_opened_with_the_keyboard(browser: webdriver.Chrome) -> None:
    point = points(browser)[-1]
    browser.execute_script("arguments[0].focus()", point)
    wait(browser, lambda: "R_hyp⁻" in tooltip(browser))
    run = tooltip(browser).split()[-1]
    point.send_keys(Keys.ENTER)
    wait(browser, lambda: run in browser.current_url)
    drawn(browser)
    assert run in browser.find_element(By.ID, "content").text


def test_the_tab_key_gets_from_the_top_to_the_choices(browser: webdriver.Chrome) -> None:
    visited = []
    for _ in range(8):
        ActionChains(browser).send_keys(Keys.TAB).perform()
        visited.append(browser.switch_to.active_element.tag_name)
    assert visited[0] == "a"
    assert "select" in visited


def test_tables_sort_both_ways_by_number(browser: webdriver.Chrome) -> None:
    heading = browser.find_elements(By.CSS_SELECTOR, "#runs thead th button")[6]
    heading.send_keys(Keys.ENTER)
    values = [float(text) for text in column(browser, 6)]
    assert values == sorted(values)
    assert values[-1] == 1000
    heading.send_keys(Keys.ENTER)
    assert [float(text) for text in column(browser, 6)] == sorted(values, reverse=True)
    assert heading.find_element(By.XPATH, "..").get_attribute("aria-sort") == "descending"


def test_what_is_empty_sorts_last(browser: webdriver.Chrome) -> None:
    heading = browser.find_elements(By.CSS_SELECTOR, "#runs thead th button")[13]
    for _ in range(2):
        heading.click()
        assert column(browser, 13)[-1] == "—"


def test_a_runs_page_shows_history_and_hidden_mistakes(browser: webdriver.Chrome) -> None:
    browser.find_element(By.CSS_SELECTOR, "#runs tbody a").click()
    wait(browser, lambda: "/pages/" in browser.current_url)
    drawn(browser)
    assert len(points(browser, "loss")) == 5
    assert browser.execute_script("return document.querySelector('.sheet').naturalWidth") == 4 * 9 - 1
    assert "recipe.epochs" in str(
        browser.find_element(By.CSS_SELECTOR, "[data-common]").get_attribute("textContent")
    )


def test_it_follows_the_dark_mode(browser: webdriver.Chrome) -> None:
    colors = []
    for scheme in ("light", "dark"):
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        time.sleep(0.5)
        go(browser, browser.current_url)
        ground = browser.find_element(By.TAG_NAME, "body").value_of_css_property("background-color")
        label = browser.find_element(By.CSS_SELECTOR, "#tradeoff .role-axis-title text").get_attribute("fill")
        colors.append((ground, label))
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    assert colors == [("rgba(255, 255, 255, 1)", "#1b1b1b"), ("rgba(22, 22, 22, 1)", "#e8e8e8")]


def test_the_picture_in_the_readme(started: webdriver.Chrome, tmp_path: Path) -> None:
    runs = os.environ.get("HYPO_SCREENSHOT_OF") or str(make_outputs(tmp_path / "outputs"))
    picture = Path(os.environ.get("HYPO_SCREENSHOT") or tmp_path / "report.png")
    main(["report", runs, "-o", str(tmp_path / "report")])
    go(started, (tmp_path / "report" / "index.html").as_uri())
    ActionChains(started).move_to_element(points(started)[-1]).perform()
    wait(started, lambda: "seed" in tooltip(started))
    assert started.save_screenshot(str(picture))
    with Image.open(picture) as shown:
        assert shown.width > 1000
        assert len(shown.convert("RGB").getcolors(1 << 24) or []) > 50
