"""Where fake runs go, and what makes them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import fake_findings
import fake_runs
import pytest
import tracked_runs
import vl_convert
from browsing import BROWSER, DRIVER
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from wandb_server import WandbServer


@pytest.fixture(scope="session", autouse=True)
def one_vega() -> Iterator[None]:
    """Vega and all that it needs is put into one script once, and not for every report: that takes a second."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(vl_convert, "javascript_bundle", cache(vl_convert.javascript_bundle))
        yield


@pytest.fixture
def make_run() -> fake_runs.MakeRun:
    return fake_runs.make_run


@pytest.fixture
def outputs(tmp_path: Path) -> Path:
    return tmp_path / "outputs"


@pytest.fixture
def tracked(outputs: Path) -> Path:
    """The outputs folder with the runs of `tracked_runs.make_all`."""
    return tracked_runs.make_all(outputs)


@pytest.fixture
def server() -> Iterator[WandbServer]:
    with WandbServer() as started:
        yield started


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
def measured(outputs: Path, make_run: fake_runs.MakeRun) -> Path:
    """Two λ: of one both seeds were measured, of the other the first."""
    for lambda_, seed, count in ((1, 0, 30), (1, 1, 60), (5, 0, 90)):
        fake_findings.add_wrinkles(make_run(outputs, lambda_=lambda_, seed=seed), count=count)
    make_run(outputs, lambda_=5, seed=1)
    return outputs
