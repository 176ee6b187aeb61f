"""`hydra/launcher=slurm`: the sweep as job arrays on a Slurm cluster; submits and leaves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf

if TYPE_CHECKING:
    from launchers.planning.report import Report
    from launchers.planning.sweep import Sweep
    from launchers.slurm.settings import SlurmSettings


class SlurmLauncher(Launcher):
    """Submits what is missing of a sweep, and what nothing works on any more.

    What can be set is listed in conf/hydra/launcher/slurm.yaml.
    """

    def __init__(self, **settings: Any) -> None:
        self._settings = settings

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Remember what to compose jobs from; the task itself is not used, nodes run frozen configs."""
        self._loader = hydra_context.config_loader
        self._config = config

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Plan, submit and print how to watch; with `wait`, stay until the end."""
        report = self.run(self.compose(job_overrides))
        if report.awaited:
            report.end()
        return report.returns(job_overrides)

    def compose(self, job_overrides: Sequence[Sequence[str]]) -> Sweep:
        """The sweep of these cells, checked, and the settings of this launcher with it."""
        # Imported here because Hydra imports this module at every start, whatever is launched.
        from launchers.planning.sweep import compose

        self._read()
        # A login node need not see the data: on the node, a job that does not find them says so in one line.
        return compose(self._loader, self._config, job_overrides, here=False)

    def run(self, sweep: Sweep) -> Report:
        """As `launch`, but for the table and curve at the end."""
        from launchers.slurm.launch import launch

        return launch(sweep, self._read())

    def _read(self) -> SlurmSettings:
        from launchers.slurm.settings import read

        plain: Any = OmegaConf.to_container(OmegaConf.create(self._settings), resolve=True)
        return read(plain)
