"""What sweeps found out about how many runs share a GPU.

It lies in `outputs/packing/`, in a file for each kind of runs and GPU.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from hypo.runs.atomic import write_atomically
from hypo.runs.status import now, to_json
from hypo.settings.identity import SCHEMA, short_hash
from launchers.packing.need import Machine, Need
from launchers.packing.policy import Packing

_FOLDER = "packing"


@dataclass(frozen=True)
class Found:
    """What is known of one kind of runs on one GPU.

    Attributes:
        kind: of `estimate.kind`.
        runs_per_gpu: how many share it.
        is_final: whether one more was tried, or does not fit; else the next sweep tries more.
        speed_up: the images a second of all of them as a multiple of those of one alone; None if not known.
        need: of one of them.
        sweep: the id of the sweep that found it; found_at: when, ISO 8601 in UTC.
    """

    kind: str
    runs_per_gpu: int
    is_final: bool
    speed_up: float | None
    need: Need
    sweep: str
    found_at: str

    def line(self) -> str:
        """Where the number is from, as a plan says it."""
        faster = f"{self.speed_up:.2f} × the images a second of one" if self.speed_up else ""
        about = [faster if self.runs_per_gpu > 1 else "", self.need.gpu or ""]
        brackets = "; ".join(filter(None, about))
        return f"as sweep {self.sweep} found{f' ({brackets})' if brackets else ''}"

    def on(self, machine: Machine) -> Packing:
        """To begin with on `machine`, where perhaps fewer fit."""
        runs = self.runs_per_gpu
        while runs > 1 and (machine.gpu_is_too_small(runs, self.need) or machine.is_too_small(runs, self.need)):
            runs -= 1
        kept = runs == self.runs_per_gpu
        return Packing(machine, runs, self.is_final, self.is_final, self.speed_up if kept else None)


def begin(outputs: Path, kinds: Collection[str], machine: Machine) -> tuple[Packing, str]:
    """What a sweep of runs of these kinds begins with on `machine`, and a line that says from where it is."""
    earlier = known(outputs)
    ours = [earlier[kind] for kind in kinds if kind in earlier]
    if len(ours) < len(kinds) or not ours:
        return Packing(machine), "1 run a GPU to begin with (hydra.launcher.runs_per_gpu=auto)"
    fewest = min(ours, key=lambda each: (each.runs_per_gpu, each.is_final))
    packing = fewest.on(machine)
    more = "" if fewest.is_final else "; more are tried"
    return packing, f"{packing.runs} run{'s' if packing.runs > 1 else ''} a GPU, {fewest.line()}{more}"


def keep(outputs: Path, kinds: Collection[str], packing: Packing, need: Need, sweep: str) -> None:
    """Write down what is known by now; where that cannot be, only the next sweep has to begin anew."""
    for kind in kinds:
        found = Found(kind, packing.good, packing.is_final, packing.speed_up, need, sweep, now())
        path = outputs / _FOLDER / f"{short_hash([kind, need.gpu])}.json"
        with suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, to_json({"schema": SCHEMA, **asdict(found)}))


def known(outputs: Path) -> dict[str, Found]:
    """By kind what earlier sweeps found; of several GPUs, on that which holds the fewest runs."""
    by_kind: dict[str, Found] = {}
    for path in sorted((outputs / _FOLDER).glob("*.json")):
        with suppress(OSError, ValueError, KeyError, TypeError):
            content = json.loads(path.read_text())
            if content.pop("schema") != SCHEMA:
                continue
            found = Found(**{**content, "need": Need(**content["need"])})
            if found.kind not in by_kind or found.runs_per_gpu < by_kind[found.kind].runs_per_gpu:
                by_kind[found.kind] = found
    return by_kind
