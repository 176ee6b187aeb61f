"""The job of an audit, composed as `python -m hypo.run` composes it."""

from __future__ import annotations

from collections.abc import Sequence

from hydra import compose, initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.plugins import Plugins

from hypo.auditing.defaults import EVALUATION, MEASUREMENTS, batch
from hypo.command_line import options, plugins, resolvers
from hypo.command_line.config import job_from_config
from hypo.command_line.config_folder import FOLDER
from hypo.jobs.job import Job
from hypo.jobs.loaded import form


def job(words: Sequence[str]) -> Job:
    """The job of the settings in `words`, each `key=value`, on top of what an audit measures.

    Raises:
        InputError, HydraException, OmegaConfBaseException: for what cannot be used; see `refusing`.
    """
    Plugins.instance()
    resolvers.register()
    plugins.register()
    chosen = [f"evaluation={EVALUATION}", f"measurement=[{','.join(MEASUREMENTS)}]"]
    if not any(word.startswith("measurement=") for word in words):
        chosen.append("measurement.masking.source=null")  # there is no other run whose examples could be tried
    typed = {word.lstrip("+").partition("=")[0] for word in words}
    chosen = [word for word in chosen if word.partition("=")[0] not in typed]
    composed = _composed([*chosen, *words])
    shape, _ = form(composed.experiment.dataset, here=True)
    usual = composed.experiment.evaluation.batch
    if "evaluation.batch" in typed or (few := batch(shape, usual)) == usual:
        return composed
    return _composed([*chosen, f"evaluation.batch={few}", *words])


def _composed(words: Sequence[str]) -> Job:
    options.check(OverridesParser.create().parse_overrides(list(words)), options.groups_below(FOLDER))
    with initialize_config_dir(str(FOLDER), version_base="1.3"):
        config = compose("config", list(words), return_hydra_config=True)
    return job_from_config(config, config.hydra.runtime.choices, words)
