"""Worker processes on GPUs, as many on each as turn out to pay; see `launchers.packing`."""

from __future__ import annotations

import signal
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from hypo.runs import status as run_status
from hypo.runs.outcome import Outcome
from launchers.packing import found
from launchers.packing.need import Need
from launchers.packing.policy import Packing
from launchers.packing.side_by_side import Running, SideBySide, epoch, usage
from launchers.pool.pool import Pool, Task

_LOOK_SECONDS = 1.0


@dataclass(eq=False)
class _Slot:
    """A place for a run on a GPU; its worker begins with its first task."""

    gpu: int
    worker: Pool
    at_work: Future[Outcome] | None = None

    @property
    def is_free(self) -> bool:
        return self.at_work is None or self.at_work.done()


class PackedPool:
    """A pool that begins with `packing.runs` workers on each GPU, and has more, or fewer, as `packing` decides.

    A run beyond what it decided goes on to its end; no other one takes its place. One that has no memory left
    beside others is tried again with fewer. The "kind" of a task is that of `estimate.kind`.
    """

    def __init__(
        self,
        gpus: Sequence[str],
        packing: Packing,
        say: Callable[[str], None],
        outputs: Path,
        sweep: str,
        memory_limit: float | None = None,
    ) -> None:
        """`gpus` are their names for CUDA_VISIBLE_DEVICES; decisions are said, and kept in `outputs`."""
        self._gpus, self._packing, self._say = len(gpus), packing, say
        self._outputs, self._sweep = outputs, sweep
        self._slots = [
            _Slot(number, Pool([_environment(gpu, level, packing)], memory_limit))
            for level in range(max(packing.runs, packing.machine.most))
            for number, gpu in enumerate(gpus)
        ]
        self._running: dict[Future[Outcome], Running] = {}
        self._seen = SideBySide()
        self._need = Need()

    def __enter__(self) -> PackedPool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self.stop(signal.SIGINT)
        for slot in self._slots:
            slot.worker.__exit__(kind, error, trace)

    def run(self, tasks: Sequence[Task]) -> Iterator[tuple[Task, Outcome]]:
        """Run `tasks` and yield each as it finishes."""
        waiting = deque(tasks)
        mine: dict[Future[Outcome], Task] = {}
        while waiting or mine:
            mine |= self._begin(waiting)
            if mine:
                wait(mine, None if self._packing.is_settled else _LOOK_SECONDS, FIRST_COMPLETED)
            else:
                time.sleep(_LOOK_SECONDS)  # others have all the places
            self._look(is_more=bool(waiting))
            for future in [future for future in mine if future.done()]:
                task, run, outcome = mine.pop(future), self._running.pop(future), future.result()
                self._weigh(usage(run_status.read(run.directory)))
                if outcome.cause == "out of memory" and run.together > 1:
                    self._tell(self._packing.ran_out(run.together), run.kind)
                    waiting.appendleft(task)
                else:
                    yield task, outcome

    def stop(self, number: signal.Signals) -> None:
        """See `Pool.stop`."""
        for slot in self._slots:
            slot.worker.stop(number)

    def wait(self, seconds: float) -> None:
        """See `Pool.wait`."""
        deadline = time.monotonic() + seconds
        for slot in self._slots:
            slot.worker.wait(deadline - time.monotonic())

    def _begin(self, waiting: deque[Task]) -> dict[Future[Outcome], Task]:
        begun: dict[Future[Outcome], Task] = {}
        while waiting and (slot := self._place()) is not None:
            task = waiting.popleft()
            directory = Path(task["runs"]) / task["record"]["directory"]
            before = epoch(run_status.read(directory))
            slot.at_work = future = slot.worker.submit(task)
            self._running[future] = Running(directory, task.get("kind", ""), slot.gpu, before)
            begun[future] = task
        held = self._held()
        for future, run in self._running.items():
            if not future.done():
                run.together = max(run.together, held[run.gpu])
        return begun

    def _place(self) -> _Slot | None:
        """A free one on the GPU that has the fewest runs; None where all have as many as they are to have."""
        held = self._held()
        free = [slot for slot in self._slots if slot.is_free and held[slot.gpu] < self._packing.runs]
        return min(free, key=lambda slot: held[slot.gpu], default=None)

    def _held(self) -> Counter[int]:
        """How many runs each GPU has."""
        return Counter(slot.gpu for slot in self._slots if not slot.is_free)

    def _look(self, *, is_more: bool) -> None:
        """See what the runs do, and decide when enough was seen, as long as there is more to be run."""
        if self._packing.is_settled:
            return
        runs = [
            (run, run_status.read(run.directory)) for future, run in self._running.items() if not future.done()
        ]
        for _, status in runs:
            self._weigh(usage(status))
        self._seen.look(runs, self._gpus, self._packing.runs)
        rates = self._seen.rates(self._gpus * self._packing.runs)
        on_trial = self._packing.good < self._packing.runs
        if (is_more or on_trial) and self._packing.is_comparable(rates):
            self._tell(self._packing.decide(rates, self._need), *rates)

    def _weigh(self, noted: Mapping[str, Any]) -> None:
        self._need = self._need.beside(noted)
        if line := self._packing.weigh(self._need):
            self._tell(line)

    def _tell(self, line: str, *kinds: str) -> None:
        self._say(line)
        self._seen.forget(list(self._running.values()))
        kinds = kinds or tuple({run.kind for run in self._running.values()})
        found.keep(self._outputs, set(filter(None, kinds)), self._packing, self._need, self._sweep)


def _environment(gpu: str, level: int, packing: Packing) -> dict[str, str]:
    """What sets a worker apart: its GPU, and a share of the cores, smaller for those that come later."""
    cores = packing.machine.cores // (packing.machine.gpus * max(level + 1, packing.runs))
    return {"OMP_NUM_THREADS": str(max(1, cores)), "CUDA_VISIBLE_DEVICES": gpu}
