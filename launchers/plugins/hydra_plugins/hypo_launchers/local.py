"""`hydra/launcher=local`: the sweep on all GPUs, or all cores, of this machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

if TYPE_CHECKING:
    from launchers.planning.report import Report
    from launchers.planning.sweep import Sweep


class LocalLauncher(Launcher):
    """Runs what is missing of a sweep in a pool of worker processes.

    Attributes:
        workers: how many processes; None takes one for each run that the GPUs hold, else one for each core.
        gpus: indices of the GPUs; None takes all that are there.
        runs_per_gpu: how many runs share a GPU.
        retry_failed: whether jobs that failed before are tried again.
    """

    def __init__(
        self,
        workers: int | None = None,
        gpus: Sequence[int] | None = None,
        runs_per_gpu: int = 1,
        retry_failed: bool = True,
    ) -> None:
        self._workers, self._gpus, self._runs_per_gpu = workers, gpus, runs_per_gpu
        self._retry_failed = retry_failed

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Remember what to compose jobs from; the task itself is not used, workers run frozen configs."""
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
        from launchers.pool.pool import warm_up

        warm_up()  # while this process imports and composes
        from hypo.settings import checks
        from launchers.planning.sweep import compose

        checks.choice("hydra.launcher.retry_failed", self._retry_failed, (True, False))
        self._environments()
        return compose(self._loader, self._config, job_overrides)

    def run(self, sweep: Sweep) -> Report:
        """Run what is missing and print plan and progress."""
        from launchers.planning.report import Report
        from launchers.planning.sweep import waves
        from launchers.pool.pool import Pool

        environments = self._environments()
        missing = sweep.missing(self._retry_failed)
        sweep.create()
        report = Report(sweep)
        report.plan(missing, f"{min(len(environments), len(missing))} at a time")
        with sweep.at_work(), Pool(environments[: len(missing)]) as pool:
            for wave in waves(missing):
                jobs = {job.run_id: job for job in wave}
                tasks = [
                    {"runs": str(job.runs.resolve()), "record": job.record, "group": sweep.sweep_id}
                    for job in wave
                ]
                for task, outcome in pool.run(tasks):
                    report.finished(jobs[task["record"]["config"]["run_id"]], outcome)
        return report

    def _environments(self) -> list[Mapping[str, str]]:
        """What sets each worker apart: its GPU, or its share of the cores."""
        import os

        import torch

        from hypo.settings import checks
        from hypo.settings.errors import InputError

        there = torch.cuda.device_count()
        per_gpu = checks.integer("hydra.launcher.runs_per_gpu", self._runs_per_gpu, at_least=1)
        gpus = range(there) if self._gpus is None else self._gpus
        listed = isinstance(gpus, Sequence) and not isinstance(gpus, str)
        if not listed or any(gpu not in range(there) for gpu in gpus):
            raise InputError(
                f"hydra.launcher.gpus: takes indices below {there}, such as [0], got {checks.shown(gpus)}"
            )
        cores = os.cpu_count() or 1
        slots = len(gpus) * per_gpu or cores
        workers = (
            slots if self._workers is None else checks.integer("hydra.launcher.workers", self._workers, at_least=1)
        )
        threads = {"OMP_NUM_THREADS": str(max(1, cores // workers))}
        if not gpus:
            return [threads] * workers
        return [{**threads, "CUDA_VISIBLE_DEVICES": str(gpus[slot % len(gpus)])} for slot in range(workers)]
