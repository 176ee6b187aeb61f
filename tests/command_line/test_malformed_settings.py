"""Every setting, given values of the wrong kind: taken where its type takes them, else refused in one line.

Whatever can be set is tried, as it stands in composed configs: groups, keys, what is inside the groups, and the
settings of the launchers and the sweeper. Configs are composed once, and only what is tried is set in them anew.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import is_dataclass
from pathlib import Path
from typing import Any, Literal, get_args, get_type_hints

import pytest
from hydra.types import RunMode
from malformed import VALUES, may, must, tried
from omegaconf import OmegaConf

from hypo.attacks.searches.projected_gradient import ProjectedGradient
from hypo.command_line.explain import KEYS, SET_THROUGH
from hypo.command_line.options import LISTS
from hypo.jobs.job import measurements
from hypo.settings.components import build
from hypo.settings.device import resolve

CONF = Path(__file__).parents[2] / "conf"

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
