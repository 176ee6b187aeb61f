"""`hydra/launcher=local`: the sweep on all GPUs, or all cores, of this machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

if TYPE_CHECKING:
    from hypo.jobs.job import Job
    from launchers.packing.setting import RunsPerGpu
    from launchers.planning.report import Report
    from launchers.planning.sweep import Sweep
    from launchers.pool.packed import PackedPool
    from launchers.pool.pool import Pool


class LocalLauncher(Launcher):
    """Runs what is missing of a sweep in a pool of worker processes.

    Attributes:
        workers: how many processes; None takes one for each run that the GPUs hold, else one for each core.
        gpus: indices of the GPUs; None takes all that are there.
        runs_per_gpu: how many runs share a GPU; "auto" finds out how many pay.
        retry_failed: whether jobs that failed before are tried again.
    """

    def __init__(
        self,
        workers: int | None = None,
        gpus: Sequence[int] | None = None,
        runs_per_gpu: int | str = 1,
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
        self._places()
        return compose(self._loader, self._config, job_overrides)

    def run(self, sweep: Sweep) -> Report:
        """Run what is missing and print plan and progress."""
        from launchers.planning import estimate
        from launchers.planning.report import Report
        from launchers.planning.sweep import waves

        gpus, runs_per_gpu, workers = self._places()
        missing = sweep.missing(self._retry_failed)
        sweep.create()
        report = Report(sweep)
        pool: Pool | PackedPool
        if gpus and runs_per_gpu == "auto":
            pool = _packed_pool(gpus, missing, report)
        else:
            pool = _pool(gpus, workers, missing, report)
        if not gpus and runs_per_gpu == "auto":
            report.line("There is no GPU here for runs to share (hydra.launcher.runs_per_gpu=auto)")
        with sweep.at_work(), pool:
            for wave in waves(missing):
                jobs = {job.run_id: job for job in wave}
                tasks = [
                    {
                        "runs": str(job.runs.resolve()),
                        "record": job.record,
                        "group": sweep.sweep_id,
                        "kind": estimate.kind(job.config),
                    }
                    for job in wave
                ]
                for task, outcome in pool.run(tasks):
                    report.finished(jobs[task["record"]["config"]["run_id"]], outcome)
        return report

    def _places(self) -> tuple[list[str], RunsPerGpu, int]:
        """The GPUs, how many runs share one, and how many workers there are at most."""
        import os

        import torch

        from hypo.settings import checks
        from hypo.settings.errors import InputError
        from launchers.packing import setting

        there = torch.cuda.device_count()
        per_gpu = setting.read("hydra.launcher.runs_per_gpu", self._runs_per_gpu)
        gpus = range(there) if self._gpus is None else self._gpus
        listed = isinstance(gpus, Sequence) and not isinstance(gpus, str)
        if not listed or any(gpu not in range(there) for gpu in gpus):
            about = ", such as [0]" if there else " (there is no GPU here)"
            raise InputError(f"hydra.launcher.gpus: takes indices below {there}{about}, got {checks.shown(gpus)}")
        names = [str(gpu) for gpu in gpus]
        workers = len(names) * (1 if per_gpu == "auto" else per_gpu) or os.cpu_count() or 1
        if self._workers is not None:
            workers = checks.integer("hydra.launcher.workers", self._workers, at_least=1)
            if names and per_gpu == "auto":
                raise InputError(f"hydra.launcher.workers: takes null beside runs_per_gpu=auto, got {workers}")
        return names, per_gpu, workers


def _pool(gpus: Sequence[str], workers: int, missing: Sequence[Job], report: Report) -> Pool:
    """With so many workers, each with its GPU, or its share of the cores."""
    import os

    from launchers.pool.pool import Pool

    threads = {"OMP_NUM_THREADS": str(max(1, (os.cpu_count() or 1) // workers))}
    shares: list[Mapping[str, str]] = [threads] * workers
    if gpus:
        shares = [{**threads, "CUDA_VISIBLE_DEVICES": gpus[slot % len(gpus)]} for slot in range(workers)]
    report.plan(missing, f"{min(workers, len(missing))} at a time")
    return Pool(shares[: len(missing)])


def _packed_pool(gpus: Sequence[str], missing: Sequence[Job], report: Report) -> PackedPool:
    """Which finds out how many runs share a GPU, or knows it from earlier sweeps."""
    import os

    from launchers.packing import found
    from launchers.packing.need import Machine, machine_memory
    from launchers.planning import estimate
    from launchers.pool.packed import PackedPool

    machine = Machine(len(gpus), os.cpu_count() or 1, machine_memory())
    outputs = report.sweep.directory.parent.parent
    packing, line = found.begin(outputs, {estimate.kind(job.config) for job in missing}, machine)
    report.plan(missing, f"{min(len(gpus) * packing.runs, len(missing))} at a time")
    if missing:
        report.line(line)
    return PackedPool(gpus, packing, report.line, outputs, report.sweep.sweep_id)
