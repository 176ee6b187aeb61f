"""Every setting, given values of the wrong kind: taken where its type takes them, else refused in one line.

Whatever can be set is tried, as it stands in composed configs: groups, keys, what is inside the groups, and the
settings of the launchers and the sweeper. Configs are composed once, and only what is tried is set in them anew.
"""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import is_dataclass
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import pytest
from hydra import initialize_config_dir
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.plugins import Plugins
from hydra.errors import HydraException
from hydra.types import HydraContext, RunMode
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from parquet_files import small_data_set
from PIL import Image
from typed_command import typed

from hypo.attacks.searches.projected_gradient import ProjectedGradient
from hypo.command_line import plugins, resolvers
from hypo.command_line.explain import KEYS, SET_THROUGH, explain, is_understood
from hypo.command_line.options import LISTS
from hypo.jobs.job import measurements
from hypo.settings.components import build
from hypo.settings.device import resolve

CONF = Path(__file__).parents[2] / "conf"

VALUES = (
    *("null", "[]", "[1,2]", "[[]]", "[null]", "{a:1}", "${nope}", "${oc.env:NOPE}"),
    *("-1", "nan", "inf", "abc", "''", "true", "1e400", "0/0"),
)

CHOICES = (
    [],
    [
        "dataset=cifar10",
        "training_data=poisoning",
        "defense=pgd_at",
        "measurement=[targeted,pictures]",
        "tracking=disabled",
    ],
    ["recipe=linf_dist_net", "arch=linf_dist_net", "defense=linf_dist", "evaluation=fgsm", "threat_model=l2"],
    ["dataset=image_folder", "arch=small_cnn", "defense=trades", "tracking=online"],
    ["dataset=parquet", "arch=lenet", "training_data=noise", "defense=standard", "evaluation=cw100"],
    ["dataset=tiny_imagenet", "arch=wide_resnet", "training_data=mislabeling", "recipe=svhn", "search=[random]"],
)
"""Between them every group with several of its options."""

KEY_TYPES: Mapping[str, Any] = {
    **dict.fromkeys(("lambda", "epsilon", "published_learning_rate", "authors_learning_rate"), float),
    "published_input_std": float,
    **{f"default_epsilon.{norm}": float for norm in ("linf", "l2")},
    **{
        "default_epsilon": dict,
        "seed": int,
        "authors_code": bool,
        "keep_checkpoint": bool,
        "output_dir": str,
        "training_attack": dict,
        "measurement": list,
        "search": list,
    },
    "device": Literal["auto", "cpu"],
}

LAUNCHERS = ("sequential", "local", "slurm")


def may(hint: Any) -> set[str]:
    """Which of VALUES a setting of that type can take: a name may be more particular, a number is none of them."""
    found = set()
    if type(None) in get_args(hint):
        hint, found = next(kind for kind in get_args(hint) if kind is not type(None)), {"null"}
    if hint is bool:
        return found | {"true"}
    if hint is str:
        return found | {"-1", "nan", "inf", "abc", "1e400", "0/0", "''"}
    if hint is list:
        return {"[]"}
    if get_origin(hint) is tuple or (inspect.isclass(get_origin(hint)) and issubclass(get_origin(hint), Sequence)):
        return found | {"[]", "[1,2]"}
    return found


def must(hint: Any) -> set[str]:
    """Which of VALUES every setting of that type takes."""
    optional = get_origin(hint) in (Union, types.UnionType)
    return {"true"} if hint is bool else {"null"} if optional else set()


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with images of one's own, which are looked at for their fingerprint; no run may come to it."""
    folder = tmp_path_factory.mktemp("here")
    for split in ("train", "test"):
        for shade, name in enumerate("ab"):
            (folder / "data" / split / name).mkdir(parents=True)
            Image.new("RGB", (8, 8), (100 * shade, 0, 0)).save(folder / "data" / split / name / "0.png")
    small_data_set(folder / "data")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        yield folder
    assert not (folder / "outputs").exists()


@pytest.fixture(scope="module")
def loader() -> Any:
    Plugins.instance()
    resolvers.register()
    plugins.register()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return GlobalHydra.instance().config_loader()


def tried(key: str, attempt: Callable[[str], object], values: Sequence[str] = VALUES) -> set[str]:
    """Which of `values` are taken; all others are refused in a line that names `key`."""
    taken = set()
    for value in values:
        try:
            attempt(f"{key}={value}")
            taken.add(value)
        except (ValueError, HydraException, OmegaConfBaseException) as error:
            line = explain(error) if is_understood(error) else repr(error)
            if key not in line or "\n" in line or not is_understood(error):
                pytest.fail(f"{key}={value}: {line}")
    return taken


def type_of(key: str, config: Mapping[str, Any]) -> Any:
    """The type of a setting, as its component declares it; that of a group of settings is a dict."""
    group, *names = key.split(".")
    if key in KEY_TYPES:
        return KEY_TYPES[key]
    if names in ([], ["_target_"]):
        return dict
    hint: Any = None
    component: Any = ProjectedGradient()
    if group == "measurement":
        component = measurements(config[group])
    elif group != "training_attack":
        component = build(config[group], group)
    for name in names:
        if name == "_target_":
            return dict
        if isinstance(component, Mapping):
            hint, component = None, component[name]
        else:
            hint, component = get_type_hints(type(component))[name], getattr(component, name)
    is_group = isinstance(component, Mapping) or is_dataclass(component)
    return dict if is_group and type(None) not in get_args(hint) else hint


def keys_of(settings: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for name, value in settings.items():
        yield f"{prefix}{name}"
        if isinstance(value, Mapping):
            yield from keys_of(value, f"{prefix}{name}.")


def test_every_setting_of_a_job_takes_what_its_type_takes(loader: Any, here: Path) -> None:
    from launchers.planning.compose import Composer

    composer = Composer(loader, loader.load_configuration("config", [], run_mode=RunMode.MULTIRUN))
    tried_before = set()
    for choice in CHOICES:
        config: Any = OmegaConf.to_container(
            loader.load_configuration("config", choice, run_mode=RunMode.RUN), resolve=True
        )
        del config["hydra"]
        assert set(KEYS) <= set(config)
        for key in keys_of(config):
            group = config[key.partition(".")[0]]
            which = (key, group.get("_target_") if isinstance(group, Mapping) else None)
            if which in tried_before:
                continue
            tried_before.add(which)
            hint = type_of(key, config)
            taken = tried(
                key, lambda typed, choice=choice: resolve(composer.job([*choice, typed]).experiment.device)
            )
            assert taken <= may(hint), key
            if not any(key.startswith(f"{group}.") for group in SET_THROUGH):
                assert must(hint) <= taken, key
    assert len(tried_before) > 100


@pytest.mark.parametrize("group", LISTS)
def test_what_is_chosen_of_a_list_is_a_list_of_options(loader: Any, here: Path, group: str) -> None:
    from launchers.planning.compose import Composer

    composer = Composer(loader, loader.load_configuration("config", [], run_mode=RunMode.MULTIRUN))
    values = (*VALUES, "[abc]", "[abc,abc]", "[${nope}]")
    assert tried(group, lambda typed: composer.job([typed]), values) == {"[]"}


@pytest.mark.parametrize("group", ["hydra/launcher", "hydra/sweeper", "sweeps"])
def test_what_is_chosen_is_an_option(loader: Any, here: Path, group: str) -> None:
    from launchers.planning.compose import Composer

    composer = Composer(loader, loader.load_configuration("config", [], run_mode=RunMode.MULTIRUN))
    assert tried(group, lambda typed: composer.job([typed if "/" in group else f"+{typed}"])) == set()


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


def made(loader: Any, master: Any, typed: str, kind: str = "launcher") -> Any:
    """The launcher or sweeper that Hydra makes of `master` with one setting changed."""
    config = OmegaConf.create(
        {"hydra": {of: OmegaConf.to_container(master.hydra[of]) for of in ("launcher", "sweeper")}}
    )
    ConfigLoaderImpl._apply_overrides_to_config(OverridesParser.create().parse_overrides([typed]), config)
    context = HydraContext(config_loader=loader, callbacks=None)  # type: ignore[arg-type]
    make = getattr(Plugins.instance(), f"instantiate_{kind}")
    return make(hydra_context=context, task_function=lambda config: None, config=config)


REFERENCE, OPTION = "takes a value or a reference to one", "takes the name of one option"
SEVERAL = "takes a list of options, in brackets as in"


@pytest.mark.parametrize(
    ("arguments", "key", "rest"),
    [
        ("recipe.epochs=${nope}", "recipe.epochs", f"{REFERENCE}, got ${{nope}} ("),
        ("recipe.epochs=${oc.env:NOPE}", "recipe.epochs", f"{REFERENCE}, got ${{oc.env:NOPE}} ("),
        ("dataset=cifar10 defense.lambda_=${nope}", "defense.lambda_", f"{REFERENCE}, got ${{nope}} ("),
        ("tracking=[1,2]", "tracking", f"{OPTION}, got [1, 2]; several are a sweep, -m tracking=a,b"),
        ("search=random", "search", f"{SEVERAL} search=[a,b], got 'random'; python -m hypo.run --help"),
        ("search=null", "search", f"{SEVERAL} search=[a,b], got null; "),
        ("search=[random,nope]", "search", "has no 'nope'; python -m hypo.run --help lists what it has"),
        ("serch=[random]", "serch", "no such setting (did you mean search?); "),
        (
            "search.random.steps=3",
            "search.random.steps",
            "no such setting; set evaluation.then.random.steps instead",
        ),
        (
            "search=[random] evaluation.then.random.tries=3",
            "evaluation.then.random.tries",
            "no such setting; evaluation.then.random takes steps",
        ),
        (
            "+evaluation.then.attack._target_=hypo.attacks.searches.random_points.RandomPoints",
            "evaluation.then",
            "takes other names than attack, which is that of the first search",
        ),
        ("-m search=random", "search", f"{SEVERAL} search=[a,b], got 'random'; "),
        ("-m search=random,[]", "search", f"{SEVERAL} search=[a,b], got 'random'; "),
        ("-m search=[],[nope]", "search", "has no 'nope'; python -m hypo.run --help lists what it has"),
        ("recipe=null", "recipe", f"{OPTION}, got null; python -m hypo.run --help"),
        ("hydra/launcher=[1,2]", "hydra/launcher", f"{OPTION}, got [1, 2]; python -m hypo.run --help"),
        ("hydra/sweeper=null", "hydra/sweeper", f"{OPTION}, got null; "),
        (
            "hydra/launcher=abc",
            "hydra/launcher",
            "takes one of basic, local, sequential, slurm, slurm_preemptible; ",
        ),
        ("dataset=0/0", "dataset", "takes one of cifar10, cifar100, digits, "),
        ("recipe.epochs=[1", "recipe.epochs", "takes key=value, with quotes around what is no plain word, got "),
        ("defense.attack.steps=3", "defense.attack.steps", "no such setting; set training_attack.steps instead"),
        ("arch.hidden={a:1}", "arch.hidden", "takes a list, got {a:1}"),
        ("training_attack=[1]", "training_attack", "takes a group of settings, got [1]"),
        ("training_attack=abc", "training_attack", "takes a group of settings, got 'abc'"),
        ("hydra.job.chdir=abc", "hydra.job.chdir", "takes a value of another kind, got abc"),
        ("hydra.run.dir=${nope}", "hydra.run.dir", f"{REFERENCE} ("),
        ("-m hydra.launcher.retry_failed=${nope}", "hydra.launcher.retry_failed", f"{REFERENCE}, got ${{nope}} ("),
        ("-m hydra.launcher=null", "hydra.launcher", "takes a group of settings, got None"),
        ("-m +hydra.launcher.foo=3", "hydra.launcher.foo", "no such setting; "),
        (
            "-m hydra/launcher=local,slurm",
            "hydra/launcher",
            "takes one value for the whole sweep, got local,slurm",
        ),
        ("-m +hydra.sweeper.params.seed=${nope}", "hydra.sweeper.params.seed", f"{REFERENCE}, got ${{nope}} ("),
        ("-m hydra.sweeper.grids=3", "hydra.sweeper.grids", "takes a list of grids, got 3"),
        ("-m recipe.epochs=${nope}", "recipe.epochs", f"{REFERENCE}, got ${{nope}} ("),
        ("-m tracking=[1,2]", "tracking", f"{OPTION}, got [1, 2]; "),
        ("-m hydra/launcher=[1,2]", "hydra/launcher", f"{OPTION}, got [1, 2]; "),
        ("-m defense=thrm,null", "defense", f"{OPTION}, got null; "),
        ("-m lambda=interval(0,1)", "lambda", "takes a list such as 0,1,5, got interval(0,1)"),
        ("-m lambda=glob(*)", "lambda", "takes a list such as 0,1,5, got glob(*)"),
    ],
)
def test_as_typed(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: str,
    key: str,
    rest: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    ended = typed(monkeypatch, capsys, *arguments.split())
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith(f"error: {key}: {rest}")
    assert ended.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
