"""`hydra/launcher=sequential`: one job after the other in this process, at no start-up cost per job."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

if TYPE_CHECKING:
    from launchers.planning.report import Report
    from launchers.planning.sweep import Sweep


class SequentialLauncher(Launcher):
    """Checks and plans the whole sweep, then runs what is missing; a failed job leaves the others alone.

    Attributes:
        retry_failed: whether jobs that failed before are tried again.
    """

    def __init__(self, retry_failed: bool = True) -> None:
        self._retry_failed = retry_failed

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Remember what to compose jobs from; the task itself is not used, jobs are run directly."""
        self._loader = hydra_context.config_loader
        self._config = config

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Run the sweep and print plan, progress, table and curve."""
        report = self.run(self.compose(job_overrides))
        report.end()
        return report.returns(job_overrides)

    def compose(self, job_overrides: Sequence[Sequence[str]]) -> Sweep:
        """The sweep of these cells, checked, and the settings of this launcher with it."""
        # Imported here because Hydra imports this module at every start, whatever is launched.
        from hypo.settings import checks
        from launchers.planning.sweep import compose

        checks.choice("hydra.launcher.retry_failed", self._retry_failed, (True, False))
        return compose(self._loader, self._config, job_overrides)

    def run(self, sweep: Sweep) -> Report:
        """Run what is missing and print plan and progress."""
        from hypo.jobs.attempt import attempt
        from launchers.planning.report import Report

        missing = sweep.missing(self._retry_failed)
        sweep.create()
        report = Report(sweep)
        report.plan(missing)
        with sweep.at_work(), report.watching(missing) as observer:
            for job in missing:
                report.finished(job, attempt(job, observer, group=sweep.sweep_id))
        return report
