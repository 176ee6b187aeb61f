"""GPUs and runs that are only pretended, moved on by an epoch whenever somebody waits for them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hypo.runs import status as run_status
from hypo.runs.outcome import Outcome

GIB = 2**30


@dataclass
class Pretended:
    """What the runs do.

    Attributes:
        speed: the images a second of a run, told how many share its GPU.
        need, evaluation_needs, gpu_memory: in GiB.
    """

    folder: Path
    speed: Callable[[int], float] = lambda beside: 1000.0
    epochs: int = 12
    need: float = 10.0
    evaluation_needs: float = 10.0
    gpu_memory: float = 79.0
    held: list[Counter[str]] = field(default_factory=list)
    _at_work: dict[Future[Outcome], tuple[str, Path]] = field(default_factory=dict)

    def task(self, name: str, kind: str = "a") -> dict[str, Any]:
        """A run to be given to a pool."""
        return {"runs": str(self.folder / "runs"), "record": {"directory": name}, "kind": kind}

    def worker(self, environments: Collection[Mapping[str, str]], memory_limit: float | None = None) -> Worker:
        """In the place of a pool of one."""
        (environment,) = environments
        return Worker(self, environment["CUDA_VISIBLE_DEVICES"])

    def wait(self, futures: Collection[Future[Outcome]], timeout: float | None, until: str) -> None:
        """In the place of waiting: every run has an epoch, and after the last one evaluates and ends."""
        assert futures
        now = Counter(gpu for gpu, _ in self._at_work.values())
        self.held.append(now)
        for future, (gpu, directory) in list(self._at_work.items()):
            epoch = (run_status.read(directory).get("epoch") or 0) + 1
            if epoch <= self.epochs:
                self._note(directory, epoch, self.speed(now[gpu]), self.need)
                continue
            del self._at_work[future]
            needs = max(self.need, self.evaluation_needs)
            self._note(directory, self.epochs, None, needs)
            fits = now[gpu] * (needs + 0.5) <= self.gpu_memory
            future.set_result(
                Outcome("done") if fits else Outcome("failed", "out of memory: CUDA", "out of memory")
            )

    def begin(self, gpu: str, directory: Path) -> Future[Outcome]:
        """A worker has been given a run."""
        future: Future[Outcome] = Future()
        directory.mkdir(parents=True, exist_ok=True)
        self._at_work[future] = (gpu, directory)
        return future

    @property
    def most(self) -> int:
        """How many runs ever shared a GPU."""
        return max(max(now.values()) for now in self.held)

    def _note(self, directory: Path, epoch: int, speed: float | None, needs: float) -> None:
        used = {"gpu": "Pretend", "gpu_memory": self.gpu_memory * GIB, "peak_gpu_memory": needs * GIB}
        changes = {"epoch": epoch, "images_per_second": speed, "attempts": [{"usage": used}]}
        run_status.update(directory, changes)


@dataclass
class Worker:
    """A pool of one pretended worker."""

    world: Pretended
    gpu: str
    stopped: bool = False

    def submit(self, task: Mapping[str, Any]) -> Future[Outcome]:
        return self.world.begin(self.gpu, Path(task["runs"]) / task["record"]["directory"])

    def stop(self, number: int) -> None:
        self.stopped = True

    def wait(self, seconds: float) -> None: ...

    def __exit__(self, *about: object) -> None: ...
