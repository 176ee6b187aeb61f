"""The report as its readers have it: opened in headless Chromium, chosen from, hovered, sorted, typed at.

HYPO_SCREENSHOT_OF=outputs HYPO_SCREENSHOT=docs/report.png in the environment also takes the picture in the README,
of real runs.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from itertools import combinations, product
from pathlib import Path

import pytest
from fake_findings import add_wrinkles
from fake_report import make_outputs
from fake_runs import make_run
from PIL import Image
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import Select, WebDriverWait

from analysis.__main__ import main

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
DRIVER = shutil.which("chromedriver")

pytestmark = [
    pytest.mark.skipif(not (BROWSER and DRIVER), reason="needs chromium and its driver"),
    pytest.mark.slow,
]


@pytest.fixture(scope="module")
def first_page(tmp_path_factory: pytest.TempPathFactory) -> str:
    home = tmp_path_factory.mktemp("report")
    assert main(["report", str(make_outputs(home / "outputs")), "-o", str(home / "report")]) == 1
    return (home / "report" / "index.html").as_uri()


@pytest.fixture(scope="module")
def started() -> Iterator[webdriver.Chrome]:
    options = webdriver.ChromeOptions()
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--window-size=1200,1300"):
        options.add_argument(argument)
    options.binary_location = str(BROWSER)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    browser = webdriver.Chrome(options=options, service=Service(DRIVER))
    yield browser
    browser.quit()


@pytest.fixture
def browser(started: webdriver.Chrome, first_page: str) -> Iterator[webdriver.Chrome]:
    """At the first page, drawn; afterwards nothing may have been logged."""
    go(started, first_page)
    yield started
    assert started.get_log("browser") == []


def go(browser: webdriver.Chrome, address: str) -> None:
    browser.get(address)
    drawn(browser)


def drawn(browser: webdriver.Chrome) -> None:
    wait(browser, lambda: browser.execute_script("return document.documentElement.dataset.drawn") == "yes")


def wait(browser: webdriver.Chrome, condition: Callable[[], object]) -> None:
    WebDriverWait(browser, 30).until(lambda _: condition())


def points(browser: webdriver.Chrome, chart: str = "tradeoff") -> list[WebElement]:
    """The points of means, then those of single runs."""
    return browser.find_elements(By.CSS_SELECTOR, f"#{chart} .mark-symbol.role-mark path")


def tooltip(browser: webdriver.Chrome) -> str:
    return browser.find_element(By.ID, "vg-tooltip-element").text


def column(browser: webdriver.Chrome, number: int) -> list[str]:
    rows = browser.find_elements(By.CSS_SELECTOR, "#runs tbody tr")
    return [row.find_elements(By.TAG_NAME, "td")[number].text for row in rows]


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


def find(browser: webdriver.Chrome, selector: str) -> list[WebElement]:
    return browser.find_elements(By.CSS_SELECTOR, selector)


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
