"""The audit as its readers have it: opened in headless Chromium without a network, read, hovered, on a phone.

HYPO_AUDIT_SCREENSHOT_OF=outputs/runs/<run> HYPO_AUDIT_SCREENSHOT=docs/audit.png in the environment also takes the
picture in the README, of a real audit.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from browsing import IN_BROWSER, find, go, tooltip, wait
from fake_audit import make_audited
from PIL import Image
from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By

from analysis.audit.write import write

pytestmark = IN_BROWSER

CHARTS = ["accuracies", "risks", "classes", "rows-2"]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The page, moved to where nothing else is."""
    run = make_audited(tmp_path_factory.mktemp("audit") / "outputs")
    return write(run, tmp_path_factory.mktemp("alone") / "audit.html").as_uri()


@pytest.fixture
def browser(started: webdriver.Chrome, page: str) -> Iterator[webdriver.Chrome]:
    """At the page, drawn, with the network cut off; afterwards nothing may have been logged."""
    cut_off(started, True)
    go(started, page)
    yield started
    cut_off(started, False)
    started.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    started.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    assert started.get_log("browser") == []


def cut_off(browser: webdriver.Chrome, offline: bool) -> None:
    browser.execute_cdp_cmd("Network.enable", {})
    network = {"offline": offline, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
    browser.execute_cdp_cmd("Network.emulateNetworkConditions", network)


def colour(browser: webdriver.Chrome, selector: str) -> str:
    return browser.find_element(By.CSS_SELECTOR, selector).value_of_css_property("background-color")


def test_it_opens_and_draws_every_chart_from_itself_alone(browser: webdriver.Chrome) -> None:
    assert browser.title == "Audit: mlp on digits"  # a class whose name is a script has not changed it
    assert [place.get_attribute("data-chart") for place in find(browser, "[data-chart]")] == CHARTS
    for name in CHARTS:
        assert find(browser, f"[data-chart={name}] svg .role-mark path"), name
    assert browser.execute_script("return document.querySelector('.sheet').naturalWidth") == 4 * 9 - 1
    fetched = browser.execute_script("return performance.getEntriesByType('resource').map((each) => each.name)")
    assert [name for name in fetched if not name.startswith("data:")] == []


def test_it_may_not_ask_anybody_for_anything(started: webdriver.Chrome, page: str) -> None:
    go(started, page)
    ask = """
        const [address, done] = arguments;
        const image = new Image();
        image.onload = image.onerror = () => fetch(address).then(() => done("answered"), () => done("refused"));
        image.src = address;
    """
    assert started.execute_async_script(ask, "http://127.0.0.1:9/") == "refused"
    refusals = [entry["message"] for entry in started.get_log("browser")]
    assert any("img-src" in message and "Content Security Policy" in message for message in refusals)
    assert any("default-src" in message and "Content Security Policy" in message for message in refusals)


def test_the_charts_have_what_was_measured(browser: webdriver.Chrome) -> None:
    risks = "[data-chart=risks] svg"
    assert len(find(browser, f"{risks} .mark-symbol.role-mark path[aria-label]")) == 8
    assert len(find(browser, f"{risks} .mark-rule.role-mark line")) == 1
    ActionChains(browser).move_to_element(find(browser, f"{risks} .mark-symbol.role-mark path")[-1]).perform()
    wait(browser, lambda: "R_hyp⁻, mistakes hidden" in tooltip(browser))
    assert "100 of 100" in tooltip(browser)
    assert len(find(browser, "[data-chart=classes] svg .mark-symbol.role-mark path")) == 9
    names = [tick.text for tick in find(browser, "[data-chart=classes] svg .role-axis-label text")]
    assert names.index("dog") < names.index("cat")


def test_the_bar_is_cut_where_the_accuracies_are(browser: webdriver.Chrome) -> None:
    widths = [part.rect["width"] for part in find(browser, ".bar span")]
    assert [width / sum(widths) for width in widths] == pytest.approx([0.69, 0.21, 0.08, 0.02], abs=0.01)


def test_the_classes_sort(browser: webdriver.Chrome) -> None:
    heading = find(browser, "table[aria-labelledby=classes] thead button")[1]
    for _ in range(2):
        heading.click()
    images = [row.find_elements(By.TAG_NAME, "td")[0].text for row in find(browser, ".beside tbody tr")]
    assert images == ["500", "400", "100"]


@pytest.mark.parametrize("width", [360, 768, 1200])
def test_nothing_is_wider_than_the_window(browser: webdriver.Chrome, page: str, width: int) -> None:
    metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    go(browser, page)
    whole = browser.execute_script("return document.documentElement.scrollWidth")
    assert whole == browser.execute_script("return document.documentElement.clientWidth") > width - 20
    for chart in find(browser, "[data-chart] svg"):
        assert chart.rect["x"] + chart.rect["width"] <= width


def test_it_follows_the_dark_mode(browser: webdriver.Chrome, page: str) -> None:
    seen = []
    for scheme in ("light", "dark"):
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        go(browser, page)
        seen.append((colour(browser, "body"), colour(browser, ".bar .hidden")))
    light, dark = seen
    assert light == ("rgba(255, 255, 255, 1)", "rgba(213, 94, 0, 1)")
    assert dark == ("rgba(22, 22, 22, 1)", "rgba(230, 159, 0, 1)")


def test_the_picture_in_the_readme(started: webdriver.Chrome, tmp_path: Path) -> None:
    run = os.environ.get("HYPO_AUDIT_SCREENSHOT_OF") or make_audited(tmp_path / "outputs")
    picture = Path(os.environ.get("HYPO_AUDIT_SCREENSHOT") or tmp_path / "audit.png")
    go(started, write(Path(run), tmp_path / "audit.html").as_uri())
    assert started.save_screenshot(str(picture))
    with Image.open(picture) as shown:
        assert shown.width > 1000
        assert len(shown.convert("RGB").getcolors(1 << 24) or []) > 50
