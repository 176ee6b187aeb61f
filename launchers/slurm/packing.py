"""`runs_per_gpu=auto` of Slurm's jobs: what earlier sweeps found, and who finds out more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from launchers.packing.found import Found
from launchers.packing.need import Machine
from launchers.slurm.settings import Resources

_AUTO = "(hydra.launcher.runs_per_gpu=auto)"

_MORE = 3
"""How many runs more on each GPU the job has that tries them; they wait for their turn in it."""


@dataclass(frozen=True)
class Packed:
    """What the jobs of one kind of runs are given.

    Attributes:
        resources: with a number of runs that share a GPU.
        tried: how many the first job of an array tries; None where nothing is left to be found out.
        line: from where the number is; "" where it was set.
    """

    resources: Resources
    tried: int | None = None
    line: str = field(default="", compare=False)

    @property
    def first(self) -> int:
        """How many runs the first job of an array has."""
        return self.resources.slots if self.tried is None else self.resources.gpus * self.tried


def packed(resources: Resources, kind: str, known: Mapping[str, Found], *, trains: bool = True) -> Packed:
    """`resources`, in which "auto" has become a number.

    Args:
        kind: of the runs, as of `estimate.kind`; known: what was found by kind.
        trains: whether they have epochs; on others nothing can be found out.
    """
    if resources.runs_per_gpu != "auto":
        return Packed(resources)
    gpus, earlier = resources.gpus, known.get(kind)
    if not gpus:
        return Packed(replace(resources, runs_per_gpu=1), None, f"There is no GPU for runs to share {_AUTO}")
    hoped_for = _MORE + (earlier.runs_per_gpu if earlier else 1)
    memory = None if resources.mem_gb is None else resources.mem_gb * 2**30
    machine = Machine(gpus, resources.cores or gpus * hoped_for, memory)
    runs = earlier.on(machine).runs if earlier else 1
    tried = min(runs + _MORE, machine.most)
    is_over = not trains or tried <= runs or (earlier is not None and earlier.is_final)
    origin = f", {earlier.line()}" if earlier else f" to begin with {_AUTO}"
    more = "" if is_over else "; the first job of an array tries more"
    return Packed(
        replace(resources, runs_per_gpu=runs),
        None if is_over else tried,
        f"{runs} run{'s' if runs > 1 else ''} a GPU{origin}{more}",
    )
