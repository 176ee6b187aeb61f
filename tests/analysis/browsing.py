"""What the tests of the report in a browser look at."""

from __future__ import annotations

import shutil
from collections.abc import Callable

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
DRIVER = shutil.which("chromedriver")

IN_BROWSER = [
    pytest.mark.skipif(not (BROWSER and DRIVER), reason="needs chromium and its driver"),
    pytest.mark.slow,
]


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


def find(browser: webdriver.Chrome, selector: str) -> list[WebElement]:
    return browser.find_elements(By.CSS_SELECTOR, selector)
