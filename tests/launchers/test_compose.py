"""A cell composed from what others have in common is the cell composed wholly, or refused in the same words."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.plugins import Plugins
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, open_dict
from omegaconf.errors import OmegaConfBaseException

from hypo.command_line import options, resolvers
from hypo.command_line.config import job_from_config
from hypo.command_line.explain import explain
from hypo.jobs.job import Job
from hypo.settings.errors import InputError
from launchers.planning.compose import Composer

CONF = Path(__file__).parents[2] / "conf"
CHECKOUT = f"hydra.searchpath=[file://{CONF.parent}]"


@pytest.fixture(scope="module")
def loader() -> Iterator[Any]:
    Plugins.instance()
    resolvers.register()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        yield GlobalHydra.instance().config_loader()


@pytest.fixture(scope="module")
def master(loader: Any) -> DictConfig:
    """What Hydra has composed before a launcher is asked: nothing of the sweep is in it."""
    return loader.load_configuration("config", [CHECKOUT], run_mode=RunMode.MULTIRUN)


def wholly(loader: Any, master: DictConfig, cell: Sequence[str]) -> Job:
    """The job of a cell, with everything composed anew for it, as it is when it is the whole command."""
    options.check(OverridesParser.create().parse_overrides(list(cell)), options.groups_below(CONF))
    config = loader.load_sweep_config(master, list(cell))
    of_hydra = config.hydra
    with open_dict(config):
        del config["hydra"]
    return job_from_config(config, of_hydra.runtime.choices, of_hydra.overrides.task)


GRID: dict[str, list[list[str]]] = {
    "values": [
        [],
        ["lambda=0", "seed=3"],
        ["lambda=1/2", "epsilon=8/255", "device=cpu", "output_dir=elsewhere"],
        ["++lambda=7", "seed=1", "tracking.project=another project"],
        ["seed=${recipe.epochs}", "epsilon=${default_epsilon.l2}"],
        ["recipe.epochs=3", "recipe.milestones=[1,2]", "evaluation.attack.steps=7", "training_attack.steps=2"],
    ],
    "options": [
        [],
        ["defense=trades"],
        ["defense=standard", "threat_model=l2"],
        ["recipe=mnist"],
        ["recipe=mnist", "arch=small_cnn"],
        ["arch=small_cnn", "evaluation=fgsm", "tracking=disabled"],
        ["+sweeps=digits"],
        ["training_data=poisoning", "training_data.seed=2", "training_data.attack.steps=3"],
        ["dataset=cifar10", "dataset.download=true"],
    ],
}


def test_every_cell_of_a_grid_is_the_job_that_it_would_be_by_itself(loader: Any, master: DictConfig) -> None:
    composer = Composer(loader, master)
    run_ids = set()
    for number, (chosen, values) in enumerate(product(GRID["options"], GRID["values"])):
        cell = [*chosen, *values] if number % 2 else [*values, *chosen]
        job, expected = composer.job(cell), wholly(loader, master, cell)
        # Composed wholly, a reference is followed in the command as well.
        assert job == (replace(expected, command=job.command) if "${" in str(cell) else expected)
        assert (job.run_id, job.directory_name) == (expected.run_id, expected.directory_name)
        assert job.command == shlex.join(["python", "-m", "hypo.run", *cell])
        needed, expected_needed = ([one.run_id for one in of.prerequisites] for of in (job, expected))
        assert needed == expected_needed
        run_ids.add(job.run_id)
    assert len(run_ids) > 40


@pytest.mark.parametrize(
    "cell",
    [
        ["lambda=-1"],
        ["lambda=[1,2]"],
        ["lambda={a: 1}"],
        ["lambda=null"],
        ["epsilon=0"],
        ["seed=1.5"],
        ["defense=foo"],
        ["defense=[thrm,trades]"],
        ["recipe=null"],
        ["defense=trades", "recipe.foo=3"],
        ["recipe.epochs=0"],
        ["seed=${seed}"],
        ["+lambda=3"],
        ["+foo=1"],
        ["+recipe.foo=1"],
        ["epsilom=3"],
        ["+sweeps=foo"],
        ["threat_model.epsilon=0.3"],
        ["defense.lambda_=3"],
        ["defense=standard", "defense.attack.steps=3"],
        ["evaluation.attack.steps=0"],
        ["training_data=poisoning", "training_data.attack.start=random"],
        ["~lambda"],
        ["~defense"],
        ["~nothing"],
        ["hydra.foo=1"],
        ["dataset=digits", "dataset.root=here"],
        ["output_dir="],
    ],
    ids=" ".join,
)
def test_a_wrong_cell_is_refused_in_the_same_words(loader: Any, master: DictConfig, cell: list[str]) -> None:
    def refusal(compose: Any) -> tuple[type, str]:
        with pytest.raises((ValueError, HydraException, OmegaConfBaseException)) as error:
            compose(cell)
        return error.type, explain(error.value)

    composer = Composer(loader, master)
    composer.job([])  # a right one with the same options has been composed before
    assert refusal(composer.job) == refusal(lambda cell: wholly(loader, master, cell))
    assert composer.job([]) == wholly(loader, master, [])


@pytest.mark.parametrize(
    ("cell", "epochs"),
    [
        (["recipe.epochs=4", "recipe={epochs: 9}"], 9),
        (["recipe={epochs: 9}", "recipe.epochs=4"], 4),
        (["recipe={epochs: 9}", "defense=trades", "recipe.batch=10"], 9),
        (["+recipe.more=4", "~recipe.more", "recipe.epochs=3"], 3),
        (["recipe.epochs=2", "++recipe.epochs=5", "~recipe.hold_out", "+recipe.hold_out=0"], 5),
    ],
)
def test_values_are_set_in_the_order_in_which_they_are_typed(
    loader: Any, master: DictConfig, cell: list[str], epochs: int
) -> None:
    composer = Composer(loader, master)
    for seed in range(3):  # the first two of a kind are composed wholly, and make the form of the third
        seeded = [*cell, f"seed={seed}"]
        assert composer.job(seeded).record == wholly(loader, master, seeded).record
        assert composer.job(seeded).experiment.recipe.epochs == epochs


def test_a_reference_that_leads_nowhere_is_refused_with_its_setting(loader: Any, master: DictConfig) -> None:
    with pytest.raises(
        InputError, match=r"^recipe\.epochs: takes .*, got \$\{nowhere\} \(.*'nowhere' not found\)$"
    ):
        Composer(loader, master).job(["recipe.epochs=${nowhere}"])


def test_each_choice_of_options_is_composed_once(
    loader: Any, master: DictConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    composed: list[list[str]] = []
    whole = loader.load_sweep_config

    def counted(master: DictConfig, overrides: list[str]) -> DictConfig:
        composed.append(overrides)
        return whole(master, overrides)

    monkeypatch.setattr(loader, "load_sweep_config", counted)
    composer = Composer(loader, master)
    for defense, lambda_, seed in product(("thrm", "trades"), (0, 1, 5), range(5)):
        job = composer.job([f"lambda={lambda_}", f"defense={defense}", f"seed={seed}", "recipe.epochs=2"])
        assert job.label == f"{defense}-lambda{lambda_}-linf0.1-s{seed}"
    assert composed == [["defense=thrm"], ["defense=trades"]]


def test_what_was_chosen_before_the_sweep_holds_in_every_cell(loader: Any) -> None:
    """A launcher's own settings do not turn up in a job's command, nor a job's settings in the launcher."""
    overrides = [CHECKOUT, "hydra/launcher=local", "hydra.launcher.workers=2"]
    master = loader.load_configuration("config", overrides, run_mode=RunMode.MULTIRUN)
    composer = Composer(loader, master)
    cell = ["lambda=3", "defense=trades"]
    assert composer.job(cell) == wholly(loader, master, cell)
    assert composer.job(cell).command == "python -m hypo.run lambda=3 defense=trades"
    assert master.hydra.launcher.workers == 2
