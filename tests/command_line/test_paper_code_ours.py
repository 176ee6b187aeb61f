"""docs/paper-code-ours.md: every setting in its tables is there, with the values that the page gives."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from composing import cell as job

PAGE = (Path(__file__).parents[2] / "docs" / "paper-code-ours.md").read_text("utf-8")

OF: dict[str, list[str]] = {
    "learning rate of THRM and TRADES at λ ≥ 10, but on SVHN": ["lambda=10"],
    "learning rate of the MLP": ["arch=mlp_tao2022", "defense=standard"],
    "hidden layers of the MLP": ["arch=mlp_tao2022"],
    "ReLU of the MLP": ["arch=mlp_tao2022"],
    "poisons with 8 bits": ["training_data=poisoning"],
    "who crafts the poisons": ["training_data=poisoning", "arch=vgg16"],
}
"""What is to be typed for the setting of a row to be there; CIFAR-10 and THRM besides."""


def rows() -> dict[str, tuple[str, str, str]]:
    """By what it is about, a row's setting and its values by default and with authors_code=true."""
    found = {}
    for line in PAGE.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        for at, cell in enumerate(cells):
            if at and re.fullmatch(r"`[\w.]+`", cell):
                found[cells[0]] = (cell.strip("`"), cells[at + 1], cells[at + 2])
    return found


def value(config: dict[str, Any], key: str) -> str:
    """The setting at a dotted key, as the page writes it."""
    if key == "crafter":
        return str(config["training_data"]["crafter"]["arch"]["_target_"]).rpartition(".")[2].lower()
    if key == "training_attack.start":
        key = "defense.attack.start"
    found: Any = config
    for name in key.split("."):
        found = found[name]
    return str(found).lower() if isinstance(found, bool) else str(found)


@cache
def config(*overrides: str) -> dict[str, Any]:
    return dict(job("dataset=cifar10", *overrides).config)


@pytest.mark.parametrize("what", sorted(rows()))
def test_a_row_says_what_a_config_has(what: str) -> None:
    key, default, code = rows()[what]
    of = OF.get(what, [])
    assert (value(config(*of), key), value(config(*of, "authors_code=true"), key)) == (default, code)


def test_every_setting_that_the_mode_changes_has_its_row() -> None:
    """Composed for what the code does otherwise anywhere, both ways."""
    listed = {key for key, _, _ in rows().values()}
    changed = set()
    for of in (
        ["lambda=10"],
        ["arch=mlp_tao2022"],
        ["arch=wide_resnet"],
        ["training_data=poisoning", "arch=vgg16"],
    ):
        leaves = [dict(flat(config(*of, *more))) for more in ([], ["authors_code=true"])]
        changed |= {key for key in leaves[0].keys() | leaves[1].keys() if leaves[0].get(key) != leaves[1].get(key)}
    renamed = {"defense.attack.start": "training_attack.start", "defense.lambda_": "lambda"}
    unexplained = {renamed.get(key, key) for key in changed} - listed
    assert {key for key in unexplained if not key.startswith("training_data.crafter.")} == set()
    assert len(rows()) == 13


def flat(settings: dict[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    found = []
    for key, inner in settings.items():
        found += flat(inner, f"{prefix}{key}.") if isinstance(inner, dict) else [(f"{prefix}{key}", str(inner))]
    return found
