"""The config of every cell of a grid, composed before any of them starts."""

from __future__ import annotations

import pickle
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import compress
from typing import Any

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from omegaconf import DictConfig, base, grammar_parser, open_dict
from omegaconf.errors import OmegaConfBaseException

from hypo.command_line import options
from hypo.command_line.config import (
    check_keys,
    check_what_others_refer_to,
    job_from_settings,
    settings_from_config,
)
from hypo.jobs.job import Job
from hypo.settings.errors import InputError
from hypo.settings.made import Made
from launchers.planning.filling import Form, blanks

# Half of the time goes into parsing interpolations, the same few dozen texts in every cell.
setattr(base, "parse", lru_cache(maxsize=1024)(grammar_parser.parse))  # noqa: B010


_FORMS = 1000
"""How many are kept, of some 75 kB each; a grid has as many as choices of options."""


class Composer:
    """Composes cells: each choice of options once, and once what does not follow from the values then set in it.

    Composing takes a tenth of a second, nearly all of it to find and merge the chosen options, and resolving what
    was composed takes milliseconds; a grid of ten thousand cells has a few dozen choices of options, and else
    differs in λ and seed. Its cells share what is the same in them: nobody changes it.
    """

    def __init__(self, loader: ConfigLoaderImpl, master: DictConfig) -> None:
        self._loader, self._master = loader, master
        self._parser = OverridesParser.create(config_loader=loader)
        self._parsed: dict[str, tuple[Override, bool]] = {}
        self._composed: dict[tuple[str, ...], _Composed] = {}
        self._forms: dict[tuple[tuple[str, ...], ...], Form | None] = {}
        self._made = Made()

    def job(self, cell: Sequence[str]) -> Job:
        """The job of one cell; InputError, or an error of Hydra's, when it is wrong."""
        parsed = [self._parse(typed) for typed in cell]
        values = [override for override, sets_a_value in parsed if sets_a_value]
        others = [override for override, sets_a_value in parsed if not sets_a_value]
        choosing = tuple(override.input_line or "" for override in others)
        if choosing not in self._composed:
            self._composed[choosing] = _compose(self._loader, self._master, choosing)
        composed = self._composed[choosing]
        settings = self._filled_in(choosing, composed, values)
        if settings is None:
            config = composed.copy()
            ConfigLoaderImpl._apply_overrides_to_config(values, config)
            settings = settings_from_config(config, composed.choices)
        return job_from_settings(settings, composed.choices, list(cell), self._made)

    def _filled_in(
        self, choosing: tuple[str, ...], composed: _Composed, values: Sequence[Override]
    ) -> dict[str, Any] | None:
        """The settings of a cell from the form that was made for those like it; None where there is none.

        The first of a kind has none, for there may be no other. What does not resolve is composed wholly, to say
        where it went wrong.
        """
        are_blank = blanks(composed.config, values)
        if are_blank is None:
            return None
        texts = (override.input_line or "" for override in values)
        kind = tuple(
            text.partition("=")[0] if is_blank else text for text, is_blank in zip(texts, are_blank, strict=True)
        )
        key = (choosing, kind)
        if key not in self._forms:
            while len(self._forms) >= _FORMS:
                self._forms.pop(next(iter(self._forms)))
            self._forms[key] = None
            return None
        with suppress(HydraException, OmegaConfBaseException, InputError, LookupError):
            form = self._forms[key]
            if form is None:
                form = Form(composed.copy(), values, are_blank)
                check_keys(form.config, composed.choices)
                self._forms[key] = form
            settings = form.fill([override.value() for override in compress(values, are_blank)])
            check_what_others_refer_to(settings.get)
            return settings
        return None

    def _parse(self, typed: str) -> tuple[Override, bool]:
        """What was typed, and whether it sets a value, or deletes one, and chooses no option."""
        if typed not in self._parsed:
            (override,) = self._parser.parse_overrides([typed])
            options.check([override], self._loader.repository.group_exists)
            key = override.key_or_group
            # A mapping sets values inside a group, in its turn among those that were typed before and after it.
            chooses = self._loader.repository.group_exists(key) and not isinstance(override.value(), dict)
            self._parsed[typed] = override, not (chooses or key.startswith("hydra"))
        return self._parsed[typed]


@dataclass(frozen=True)
class _Composed:
    """A config without Hydra's own part, and the options that were chosen for it."""

    config: DictConfig
    choices: Mapping[str, str]

    def copy(self) -> DictConfig:
        """The config for one cell; pickled, in an eighth of the time that `deepcopy` takes."""
        copied: DictConfig = pickle.loads(self._pickled)
        return copied

    @cached_property
    def _pickled(self) -> bytes:
        return pickle.dumps(self.config, pickle.HIGHEST_PROTOCOL)


def _compose(loader: ConfigLoaderImpl, master: DictConfig, choosing: Sequence[str]) -> _Composed:
    config: Any = loader.load_sweep_config(master, list(choosing))
    choices = dict(config.hydra.runtime.choices)
    with open_dict(config):
        del config["hydra"]
    return _Composed(config, choices)
