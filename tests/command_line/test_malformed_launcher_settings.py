"""Settings of launchers and the sweeper, given values of the wrong kind: taken where their type takes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_type_hints

import pytest
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.plugins import Plugins
from hydra.types import HydraContext, RunMode
from malformed import may, must, tried
from omegaconf import OmegaConf

LAUNCHERS = ("sequential", "local", "slurm")


class TakenError(Exception):
    """The settings were read, and the sweep would be composed next."""


@pytest.mark.parametrize("name", LAUNCHERS)
def test_every_setting_of_a_launcher_takes_what_its_type_takes(
    loader: Any, here: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    from launchers.planning import sweep
    from launchers.slurm import settings as slurm_settings

    def compose(*arguments: object, **options: object) -> None:
        raise TakenError

    monkeypatch.setattr(sweep, "compose", compose)
    master = loader.load_configuration("config", [f"hydra/launcher={name}"], run_mode=RunMode.MULTIRUN)
    launcher = Plugins.instance().class_name_to_class[master.hydra.launcher["_target_"]]
    hints = get_type_hints(launcher.__init__)
    if name == "slurm":
        hints = get_type_hints(slurm_settings.Resources) | get_type_hints(slurm_settings.SlurmSettings)

    def attempt(typed: str) -> None:
        with pytest.raises(TakenError):
            made(loader, master, typed).launch([["seed=0"]], 0)

    assert tried("hydra.launcher", attempt) == tried("hydra.launcher._target_", attempt) == set()
    for setting in master.hydra.launcher:
        if setting in ("_target_", "additional_parameters"):
            continue
        taken = tried(f"hydra.launcher.{setting}", attempt)
        null = {"null"} if setting == "rules" else set()
        assert taken <= may(hints[setting]) | null, setting
        assert must(hints[setting]) <= taken, setting
    if name == "slurm":
        assert tried("hydra.launcher.additional_parameters", attempt) == {"null", "{a:1}"}


def test_every_setting_of_the_sweeper_takes_what_it_is_meant_for(loader: Any, here: Path) -> None:
    master = loader.load_configuration("config", [], run_mode=RunMode.MULTIRUN)

    class Noting:
        def launch(self, job_overrides: object, initial_job_idx: int) -> list[object]:
            return []

    def attempt(typed: str) -> None:
        sweeper = made(loader, master, typed, "sweeper")
        sweeper.launcher = Noting()
        sweeper.sweep([])

    assert tried("hydra.sweeper", attempt) == tried("hydra.sweeper._target_", attempt) == set()
    assert tried("hydra.sweeper.params", attempt) == {"null", "{a:1}"}  # a grid of one cell
    assert tried("hydra.sweeper.grids", attempt) == {"null", "[]", "[null]"}


def test_every_setting_of_a_front_takes_what_its_type_takes(loader: Any, here: Path) -> None:
    master = loader.load_configuration("config", ["hydra/sweeper=front"], run_mode=RunMode.MULTIRUN)

    class Taking:
        def compose(self, job_overrides: object) -> None:
            raise TakenError

        def run(self, sweep: object) -> None: ...

    def attempt(typed: str) -> None:
        sweeper = made(loader, master, typed, "sweeper")
        sweeper.launcher = Taking()
        with pytest.raises(TakenError):
            sweeper.sweep([])

    assert tried("hydra.sweeper", attempt) == tried("hydra.sweeper._target_", attempt) == set()
    for setting, kind in {"gap": float, "budget": int}.items():
        taken = tried(f"hydra.sweeper.{setting}", attempt)
        assert must(kind) <= taken <= may(kind), setting


def made(loader: Any, master: Any, typed: str, kind: str = "launcher") -> Any:
    """The launcher or sweeper that Hydra makes of `master` with one setting changed."""
    config = OmegaConf.create(
        {"hydra": {of: OmegaConf.to_container(master.hydra[of]) for of in ("launcher", "sweeper")}}
    )
    ConfigLoaderImpl._apply_overrides_to_config(OverridesParser.create().parse_overrides([typed]), config)
    context = HydraContext(config_loader=loader, callbacks=None)  # type: ignore[arg-type]
    make = getattr(Plugins.instance(), f"instantiate_{kind}")
    return make(hydra_context=context, task_function=lambda config: None, config=config)
