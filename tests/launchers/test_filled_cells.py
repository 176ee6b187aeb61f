"""Cells that are filled in, all kinds of them at random, beside the same cells composed by Hydra alone."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any, ClassVar

import pytest
from composing import loader, master
from hydra._internal.core_plugins import file_config_source
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from omegaconf import OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException

from hypo.command_line import options
from hypo.command_line.config import job_from_config
from hypo.command_line.explain import explain
from hypo.jobs.job import Job
from launchers.planning.compose import Composer
from launchers.planning.filling import Form

CONF = Path(__file__).parents[2] / "conf"

Values = Mapping[str, Sequence[str]]

CHOSEN: Sequence[tuple[Sequence[str], Values]] = (
    ((), {}),
    (("defense=trades", "dataset=mnist"), {"default_epsilon.linf": ("0.1", "1/4", "-1")}),
    # Here λ decides on the learning rate too, through a reference that need not lead anywhere.
    (("dataset=cifar10", "++authors_code=true"), {"authors_learning_rate": ("0.1", "1/30", "nan")}),
    (
        ("defense=ensemble_at", "~defense.held.mlp", "+arch@defense.held.more.arch=lenet"),
        {"+defense.held.more.seed": ("1", "2"), "defense.alpha": ("0", "1/2", "0.25"), "~defense.own": ("",)},
    ),
    (("defense=fgsm_at", "threat_model=l2"), {"defense.alpha": ("0.5", "0", "1/2", "2")}),
    (("dataset=cifar10", "training_data=mislabeling", "arch=vgg16"), {"training_data.seed": ("1", "2", "a")}),
    (("training_data=poisoning", "evaluation=cw100"), {"training_data.attack": ("{steps:3}", "{steps:5}")}),
    (("recipe=linf_dist_net", "arch=linf_dist_net", "defense=linf_dist"), {"defense.radius": ("5", "2.5")}),
    (
        ("measurement=[pictures,radius,smoothing]", "search=[square]"),
        {"measurement.radius.up_to": ("null", "1/5", "${epsilon}"), "~measurement.pictures": ("",)},
    ),
    (("+sweeps=digits", "tracking=disabled"), {"defense": ("thrm", "trades")}),
)
"""Options, and what can be set where these are chosen."""

NUMBERS = ("0", "1", "7", "2.5", "1e-3", "1/3", "'8/255'", "5.0")

ANYWHERE: Values = {
    "lambda": NUMBERS,
    "++lambda": NUMBERS,
    "epsilon": (*NUMBERS[1:], "${default_epsilon.l2}"),
    "seed": (*map(str, range(10)), "${recipe.epochs}"),
    "authors_code": ("true", "false"),
    "keep_checkpoint": ("true", "false"),
    "device": ("cpu", "auto"),
    "output_dir": ("here", "'over there'", "2026"),
    "published_learning_rate": ("0.1", "0.3", "1/20"),
    "recipe.epochs": ("1", "5", "80", "${evaluation.attack.steps}"),
    "recipe.batch": ("10", "128", "50.0"),
    "recipe.milestones": ("[1,2]", "[]"),
    "++recipe.learning_rate": ("0.1", "1/10", "${published_learning_rate}"),
    "evaluation.attack.steps": ("1", "7", "20"),
    "evaluation.test_limit": ("null", "100", "${recipe.epochs}"),
    "++evaluation.success": ("any_iterate", "last_iterate", "'${if:${authors_code},last_iterate,any_iterate}'"),
    "training_attack.steps": ("1", "2", "${seed}"),
    "training_attack": ("{steps:3}", "{steps:${seed},relative_step:1}"),
    "tracking.project": ("mine", "'a project'", "2026"),
}

WRONG = ("-1", "null", "1.5", "abc", "''", "nan", "{a:1}", "[1,2]", "${nowhere}")
"""Each of them is wrong for most settings, and right for some."""


class ReadOnce(OmegaConf):
    """Reads each file of the config groups once, and not once for each cell; all else is Hydra's."""

    known: ClassVar[dict[str, bytes]] = {}

    @staticmethod
    def load(file_: Any) -> Any:
        if file_.name not in ReadOnce.known:
            ReadOnce.known[file_.name] = pickle.dumps(OmegaConf.load(file_))
        return pickle.loads(ReadOnce.known[file_.name])


def wholly(cell: Sequence[str]) -> Job:
    """The job of a cell, with everything composed and resolved anew for it."""
    options.check(OverridesParser.create().parse_overrides(list(cell)), options.groups_below(CONF))
    config = loader().load_sweep_config(master(), list(cell))
    choices = config.hydra.runtime.choices
    with open_dict(config):
        del config["hydra"]
    return job_from_config(config, choices, list(cell))


def outcome(make: Callable[[Sequence[str]], Job], cell: Sequence[str]) -> tuple[Any, ...]:
    """All there is to know of a job, or the words in which it is refused."""
    try:
        job = make(cell)
        return "taken", json.dumps(job.record), repr(job.experiment), str(job.runs), job
    except (ValueError, HydraException, OmegaConfBaseException) as error:
        return type(error), explain(error)


def alike(random: Random, chosen: Sequence[str], own: Values) -> list[list[str]]:
    """Eight cells of a grid: the same options chosen, the same set, and all of it in the same order."""
    keys = [*random.sample(sorted(own), min(1, len(own))), *random.sample(sorted(ANYWHERE), random.randint(1, 3))]
    cells = []
    for _ in range(8):
        values = {key: random.choice((ANYWHERE | own)[key]) for key in keys}
        if random.random() < 0.15:
            values[random.choice(keys)] = random.choice(WRONG)
        cells.append([*chosen, *(f"{key}={value}".rstrip("=") for key, value in values.items())])
    order = random.sample(range(len(cells[0])), len(cells[0]))
    return [[cell[place] for place in order] for cell in cells]


@pytest.mark.parametrize("seed", range(25))
def test_of_200_random_cells_each_is_what_it_is_composed_alone(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_config_source, "OmegaConf", ReadOnce)
    filled = []
    fill = Form.fill
    monkeypatch.setattr(Form, "fill", lambda form, values: filled.append(values) or fill(form, values))
    composer = Composer(loader(), master())
    for cell in alike(Random(seed), *CHOSEN[seed % len(CHOSEN)]):
        assert outcome(composer.job, cell) == outcome(wholly, cell), cell
    assert len(filled) >= 3
