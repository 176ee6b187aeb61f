"""The config of every cell of a grid, composed before any of them starts."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, base, grammar_parser, open_dict

from hypo.command_line import options
from hypo.command_line.config import job_from_config
from hypo.jobs.job import Job

# Half of the time goes into parsing interpolations, the same few dozen texts in every cell.
setattr(base, "parse", lru_cache(maxsize=1024)(grammar_parser.parse))  # noqa: B010


class Composer:
    """Composes cells, each choice of options once, whatever values are then set in it.

    Composing takes a tenth of a second, nearly all of it to find and merge the chosen options; a grid of ten
    thousand cells has a few dozen choices of options, and else differs in λ and seed.
    """

    def __init__(self, loader: ConfigLoaderImpl, master: DictConfig) -> None:
        self._loader, self._master = loader, master
        self._parser = OverridesParser.create(config_loader=loader)
        self._composed: dict[tuple[str, ...], _Composed] = {}

    def job(self, cell: Sequence[str]) -> Job:
        """The job of one cell; InputError, or an error of Hydra's, when it is wrong."""
        overrides = self._parser.parse_overrides(list(cell))
        values = [override for override in overrides if self._sets_a_value(override)]
        others = [override for override in overrides if override not in values]
        options.check(others, self._loader.repository.group_exists)
        choosing = tuple(override.input_line or "" for override in others)
        if choosing not in self._composed:
            self._composed[choosing] = _compose(self._loader, self._master, choosing)
        composed = self._composed[choosing]
        config = copy.deepcopy(composed.config)
        ConfigLoaderImpl._apply_overrides_to_config(values, config)
        return job_from_config(config, composed.choices, list(cell))

    def _sets_a_value(self, override: Override) -> bool:
        key = override.key_or_group
        return not (override.is_delete() or key.startswith("hydra") or self._loader.repository.group_exists(key))


@dataclass(frozen=True)
class _Composed:
    """A config without Hydra's own part, and the options that were chosen for it."""

    config: DictConfig
    choices: Mapping[str, str]


def _compose(loader: ConfigLoaderImpl, master: DictConfig, choosing: Sequence[str]) -> _Composed:
    config: Any = loader.load_sweep_config(master, list(choosing))
    choices = dict(config.hydra.runtime.choices)
    with open_dict(config):
        del config["hydra"]
    return _Composed(config, choices)
