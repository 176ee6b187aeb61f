"""A search on many examples in as many slots as a batch has: who is decided leaves to the next.

No shape ever changes, and nothing is read back but, every few steps, how many examples are through: a CUDA graph
can hold a step, and all that is noted of it. Examples are not in step: each slot counts its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from hypo.attacks.goals.goal import Goal
from hypo.attacks.searches.search import State, Visit, each
from hypo.measurements.candidates import Candidates, Record
from hypo.settings.cuda_graph import Outputs, Replayed, graph_on

UNSEEN = 5
"""How many steps are taken before it is looked how many examples are through, which costs a synchronisation."""


@dataclass(frozen=True)
class Attack:
    """One restart of a search whose steps are alike.

    Attributes:
        begin: from images in [0, 1], the goal and noise to where the search begins.
        step: from where it stands, the images, the goal and (slots,) int64 numbers to where a step leads.
        steps: how many each example takes at most, before a last look at where it then is.
        in_units: from images as they are stored to those in [0, 1].
        goal: from indices of examples to theirs.
        undecided: a bool for each example.
        record: takes note of what was visited.
        place: of the search among those in turn, from 0.
        every_iterate: whether every point visited is a candidate, or only the last.
    """

    begin: Callable[[Tensor, Goal, Tensor], State]
    step: Callable[[State, Tensor, Goal, Tensor], Visit]
    steps: int
    in_units: Callable[[Tensor], Tensor]
    goal: Callable[[Tensor], Goal]
    undecided: Callable[[], Tensor]
    record: Record
    place: int
    every_iterate: bool

    def run(
        self, pool: Tensor, images: Tensor, noise: Tensor, slots: int, progress: Callable[[float], None]
    ) -> int:
        """Attack the examples `pool` (int64) from first to last, `slots` at a time.

        Args:
            images, noise: (len(pool), channels, height, width), the former as they are stored.
            progress: told how many of its steps are done, as if no example left early.

        Returns:
            How many points were looked at, those of slots apart that nobody was left for.
        """
        taken = _Slots(self, pool, images, noise, min(slots, len(pool)))
        advance = Replayed(taken.advance, graph_on(pool.device), "evaluation")
        through = 0
        while through < len(pool):
            for _ in range(UNSEEN):
                (counts,) = advance()
            through, looked_at = counts.tolist()
            progress(self.steps * through / len(pool))
        return int(looked_at)


class _Slots:
    """Who has which slot, and where each stands: tensors that change in place alone, as a CUDA graph asks for."""

    def __init__(self, attack: Attack, pool: Tensor, images: Tensor, noise: Tensor, slots: int) -> None:
        self._attack = attack
        self._pool, self._images, self._noise = pool, images, noise
        self._at = torch.arange(slots, device=pool.device)  # in the pool
        self._number = torch.zeros_like(self._at)
        self._busy = torch.ones_like(self._at, dtype=torch.bool)
        self._begun = torch.full((), slots, device=pool.device)
        self._counts = torch.zeros(2, dtype=torch.int64, device=pool.device)
        self._state = {name: tensor.clone() for name, tensor in self._begin().items()}

    def advance(self) -> Outputs:
        """Look at where each slot stands, note it, and go a step on or, where all is done, to the next example.

        Returns:
            (2,) int64, how many examples are through and how many points were looked at, so far.
        """
        attack, indices = self._attack, self._pool[self._at]
        visit = attack.step(self._state, self._centres(), attack.goal(indices), self._number)
        ended = self._number == attack.steps
        counts = self._busy & attack.undecided()[indices]
        counts = counts if visit.inside is None else counts & (visit.inside | ended)
        predictions = visit.logits.argmax(1)
        if attack.every_iterate:
            attack.record(Candidates(indices, visit.logits, predictions, counts & ~ended, attack.place, False))
        attack.record(Candidates(indices, visit.logits, predictions, counts & ended, attack.place, True))
        self._counts[1] += self._busy.sum()
        self._pass_on(visit.state, self._busy & (ended | self._is_over(indices)))
        return (self._counts,)

    def _is_over(self, indices: Tensor) -> Tensor:
        """(slots,) bool, who need not go on."""
        decided = ~self._attack.undecided()[indices]
        return decided if self._attack.every_iterate else torch.zeros_like(decided)

    def _pass_on(self, state: State, leaving: Tensor) -> None:
        """The slots of those that are `leaving` go to the next in the pool, as long as there are any."""
        following = self._begun + leaving.cumsum(0) - 1
        taken = leaving & (following < len(self._pool))
        self._at.copy_(torch.where(taken, following, self._at))
        for name, fresh in self._begin().items():
            self._state[name].copy_(torch.where(each(taken, fresh), fresh, state[name]))
        self._number.copy_(torch.where(taken, 0, self._number + 1))
        self._busy.copy_(torch.where(leaving, taken, self._busy))
        self._begun += taken.sum()
        self._counts[0] += leaving.sum()

    def _begin(self) -> State:
        """Where each slot's example begins."""
        goal = self._attack.goal(self._pool[self._at])
        return self._attack.begin(self._centres(), goal, self._noise[self._at])

    def _centres(self) -> Tensor:
        return self._attack.in_units(self._images[self._at])
