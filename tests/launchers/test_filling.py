"""A config with blanks, filled in, is the config resolved anew with the same values."""

from __future__ import annotations

from typing import Any

import pytest
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from launchers.planning.filling import Form, blanks

CONFIG = """
a: 1
b: 2
which: a
plain: [1, {x: 2}]
chosen: ${${which}}
deep: {of: {a: "${a}", b: "${.a}", same: "${..other}", constant: 3}, other: "${b}"}
alias: ${deep}
through: ${alias.of.a}
list: ["${a}", {x: "${b}"}]
text: "a is ${a}"
nothing: null
perhaps: ${oc.select:nothing,${b}}
none_there: ${oc.select:nowhere.to.be.found,5}
keys: ${oc.dict.values:deep.of}
"""


def config() -> DictConfig:
    made: Any = OmegaConf.create(CONFIG)
    OmegaConf.set_struct(made, True)
    return made


def parsed(*typed: str) -> list[Any]:
    return OverridesParser.create().parse_overrides(list(typed))


def resolved(*typed: str) -> Any:
    whole = config()
    ConfigLoaderImpl._apply_overrides_to_config(parsed(*typed), whole)
    return OmegaConf.to_container(whole, resolve=True)


@pytest.mark.parametrize(
    "cells",
    [
        [["a=1"], ["a=7"], ["a=null"], ["a=text"], ["a=1"]],
        [["b=1", "a=2"], ["b=2", "a=1.0"], ["b=3", "a=true"]],
        [["which=a"], ["which=b"], ["which=nothing"], ["which=text"]],
        [["deep.of.a=5", "b=1"], ["deep.of.a=6", "b=2"]],
        [["nothing=5"], ["nothing=null"], ["nothing=a"]],
        [["chosen=5"], ["chosen=6"]],
        [["++new.of.mine=1", "which=b"], ["++new.of.mine=2", "which=a"]],
        [["+deep.new=1", "a=1"], ["+deep.new=2", "a=2"]],
        [["plain=[${a}]", "a=1"], ["plain=[${a}]", "a=2"]],
        [["deep={other: 4}", "a=1"], ["deep={other: 4}", "a=2"]],
        [["alias={of: {a: 4}}", "a=1"], ["alias={of: {a: 4}}", "a=2"]],
        [[], []],
    ],
    ids=lambda cells: " ".join(cells[0]),
)
def test_a_form_filled_in_is_the_config_resolved(cells: list[list[str]]) -> None:
    are_blank = blanks(config(), parsed(*cells[0]))
    assert are_blank is not None
    form = Form(config(), parsed(*cells[0]), are_blank)
    forms = []
    for cell in cells:
        values = [each.value() for each, is_blank in zip(parsed(*cell), are_blank, strict=True) if is_blank]
        forms.append(form.fill(values))
        assert list(forms[-1].items()) == list(resolved(*cell).items())
        assert repr(forms[-1]) == repr(resolved(*cell))  # where 1, 1.0 and True differ
    # What is filled in later leaves what was there before as it was.
    assert [repr(each) for each in forms] == [repr(resolved(*cell)) for cell in cells]


def test_what_does_not_follow_from_the_blanks_is_shared() -> None:
    form = Form(config(), parsed("b=1"), [True])
    first, second = form.fill([1]), form.fill([2])
    assert first["plain"] is second["plain"]
    assert first["deep"] is not second["deep"]
    assert (first["deep"]["other"], second["deep"]["other"]) == (1, 2)


@pytest.mark.parametrize(
    "typed",
    [
        ["deep.other=1", "deep={of: 1}"],  # the second changes what the first has set
        ["a=1", "a=2"],
        ["a=1", "+a=2"],
        ["+nothing=1"],  # taken where nothing is null, and refused otherwise
        ["alias.other=1"],  # where that is depends on another setting
        ["++alias.other=1"],
        ["plain.0=2"],
        ["a.of=1"],
    ],
    ids=" ".join,
)
def test_what_depends_on_other_settings_makes_no_form(typed: list[str]) -> None:
    assert blanks(config(), parsed(*typed)) is None


def test_a_reference_that_leads_nowhere_with_these_values_is_an_error() -> None:
    form = Form(config(), parsed("which=a"), [True])
    with pytest.raises(OmegaConfBaseException, match="nowhere"):
        form.fill(["nowhere"])
    assert form.fill(["b"])["chosen"] == 2


@pytest.mark.parametrize("typed", [["nowhere=1"], ["deep.of.nowhere=1"], ["deep.of.a.b=1"]])
def test_what_is_not_there_has_no_blank(typed: list[str]) -> None:
    with pytest.raises((HydraException, OmegaConfBaseException, LookupError)):
        Form(config(), parsed(*typed), blanks(config(), parsed(*typed)) or [False])
