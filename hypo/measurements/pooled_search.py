"""Searches in turn on many examples, each of which leaves as soon as it is decided."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from hypo.attacks.goals.goal import Goal
from hypo.attacks.searches.search import Search, State, Visit, in_ball
from hypo.attacks.threat_models.threat_model import ThreatModel
from hypo.datasets.images import Split
from hypo.measurements.candidates import Candidates, Record
from hypo.measurements.passes import Passes
from hypo.measurements.refilled import Attack
from hypo.settings.randomness import example_noise

AT_ONCE = 2**27
"""How many pixel values are under attack at a time: half a GiB for each tensor that a search keeps of them."""

Progress = Callable[[int, int], None]
"""Called with how much is done, and out of how much."""


REFILLED_ON = ("cuda",)
"""The devices on which a batch keeps its size and who is decided leaves the place to another, so that a CUDA graph
can hold a step. On a CPU the batches shrink instead."""


@dataclass(frozen=True)
class PooledSearch:
    """What is attacked, and how its candidates count.

    Attributes:
        model: frozen and in `eval()` mode, from images in [0, 1] to logits.
        test: on the model's device; its images are divided by `maximum`.
        examples: (len(test),) int64, the index of each in the whole test set, on which its noise depends.
        batch: how many at once.
        every_iterate: whether every point visited is a candidate, or only where each restart ends.
        seed: of the random starting points.
        progress: told how much is done of each run, all its restarts together, as if no example left early.
        passes: where those are counted that go through the model.
    """

    model: nn.Module
    test: Split
    maximum: int
    examples: Tensor
    threat_model: ThreatModel
    batch: int
    every_iterate: bool
    seed: int
    progress: Progress
    passes: Passes = field(default_factory=Passes)

    def run(
        self,
        name: str,
        search: Search,
        place: int,
        goal: Callable[[Tensor], Goal],
        undecided: Callable[[], Tensor],
        record: Record,
    ) -> None:
        """Attack what is `undecided` (a bool for each example), restart by restart.

        Only those candidates count whose example is still undecided: what the others visit hangs on when they
        leave the pool, and the outcome must not.

        Args:
            name: of the attack, for its random numbers.
            place: of the search among those in turn, from 0, on which they depend too.
            goal: from indices into `test` to the goal of those examples.
            record: takes note of what comes out.
        """
        purpose = f"{name}/{place + 1}" if place else name
        count = int(undecided().sum())
        work = search.steps * count

        for restart in range(search.restarts):

            def progress(done: int, total: int, restart: int = restart) -> None:
                self.progress(restart * work + work * done // total, search.restarts * work)

            self._restart(purpose, restart, place, search, goal, undecided, record, progress)

    def _restart(
        self,
        purpose: str,
        restart: int,
        place: int,
        search: Search,
        goal: Callable[[Tensor], Goal],
        undecided: Callable[[], Tensor],
        record: Record,
        progress: Progress,
    ) -> None:
        noise_of = (self.seed, purpose, restart)
        everything = undecided().nonzero().squeeze(1)
        # What is drawn for an example, and decided, does not depend on the others.
        for portion in parts(len(everything), self._portion):
            pool = everything[portion]

            def told(steps: float, before: int = portion.start, count: int = len(pool)) -> None:
                progress(before * search.steps + round(steps * count), len(everything) * search.steps)

            self._attack(pool, noise_of, place, search, goal, undecided, record, told)

    @property
    def _portion(self) -> int:
        """How many examples are in memory at a time: whole batches, as far as there is room for more than one."""
        room = AT_ONCE // math.prod(self.test.images.shape[1:])
        return max(1, room // self.batch) * self.batch

    def _attack(
        self,
        pool: Tensor,
        noise_of: tuple[int, str, int],
        place: int,
        search: Search,
        goal: Callable[[Tensor], Goal],
        undecided: Callable[[], Tensor],
        record: Record,
        progress: Callable[[float], None],
    ) -> None:
        """One restart of the examples at `pool` (int64); `progress` is told how many of its steps are done."""
        images = self.test.images[pool]
        noise = example_noise(*noise_of, self.examples[pool], tuple(images.shape[1:]))
        if getattr(search, "alike", False) and pool.device.type in REFILLED_ON:
            before = self.passes.images
            attack = self._refilled(place, search, goal, undecided, record)
            # A replay puts images through the model that nobody else counts.
            self.passes.images = before + attack.run(pool, images, noise, self.batch, progress)
            return
        states = [
            self._begin(search, self._in_units(images[part]), goal(pool[part]), noise[part])
            for part in parts(len(pool), self.batch)
        ]

        def looked_at(part: slice, logits: Tensor, inside: Tensor | None, at_end: bool) -> None:
            counts = undecided()[pool[part]]
            counts = counts if inside is None else counts & inside
            record(Candidates(pool[part], logits, logits.argmax(1), counts, place, at_end))

        # A CPU has nothing to synchronise with, so there decided examples leave at once.
        compactions = range(1, search.steps) if pool.device.type == "cpu" else compaction_steps(search.steps)
        for number in range(search.steps):
            if self.every_iterate and number in compactions and states:
                kept = undecided()[pool].nonzero().squeeze(1)
                if len(kept) < len(pool):
                    pool, images, states = pool[kept], images[kept], compacted(states, kept, self.batch)
            left = len(pool)
            for at, part in enumerate(parts(left, self.batch)):
                clean = self._in_units(images[part])
                visit = search.step(self.model, states[at], clean, goal(pool[part]), self.threat_model, number)
                states[at] = visit.state
                if self.every_iterate:
                    looked_at(part, visit.logits, visit.inside, at_end=False)
                progress(number + part.stop / left if part.stop < left else number + 1)
            if not left:
                progress(number + 1)
        with torch.no_grad():
            for at, part in enumerate(parts(len(pool), self.batch)):
                looked_at(part, self.model(states[at]["points"]), None, at_end=True)

    def _refilled(
        self,
        place: int,
        search: Search,
        goal: Callable[[Tensor], Goal],
        undecided: Callable[[], Tensor],
        record: Record,
    ) -> Attack:
        def step(state: State, images: Tensor, goal: Goal, numbers: Tensor) -> Visit:
            return search.step(self.model, state, images, goal, self.threat_model, numbers)

        def begin(images: Tensor, goal: Goal, noise: Tensor) -> State:
            return self._begin(search, images, goal, noise)

        return Attack(
            *(begin, step, search.steps, self._in_units, goal, undecided, record, place, self.every_iterate)
        )

    def _in_units(self, images: Tensor) -> Tensor:
        return images.float() / self.maximum

    def _begin(self, search: Search, images: Tensor, goal: Goal, noise: Tensor) -> State:
        state = search.begin(images, goal, self.threat_model, noise)
        # Only a point inside the ball may count as a candidate. Where the end alone counts, the start need not be
        # inside, and in the code of Tao et al. 2022 it is not.
        return in_ball(state, images, self.threat_model) if self.every_iterate else state


def compacted(states: Sequence[State], kept: Tensor, batch: int) -> list[State]:
    """The states of the batches with only the examples at `kept` (int64), in batches of `batch` again."""
    whole = {name: torch.cat([state[name] for state in states])[kept] for name in states[0]}
    count = len(whole["points"])
    return [{name: tensor[part] for name, tensor in whole.items()} for part in parts(count, batch)]


def compaction_steps(steps: int) -> frozenset[int]:
    """The steps before which decided examples leave the pool: 1, 2, 4 and 8, then every fifth.

    Each time costs one synchronisation with the device. Undefended models are decided within a few steps,
    robust ones lose little to the wider stride.
    """
    return frozenset({1, 2, 4, 8} | set(range(12, steps, 5)))


def parts(length: int, size: int) -> Iterator[slice]:
    """Slices of at most `size` that cover `length`."""
    for begin in range(0, length, size):
        yield slice(begin, begin + size)
