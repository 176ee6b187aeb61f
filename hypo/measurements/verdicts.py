"""The flags of some examples while they are being decided."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields

import numpy as np
import torch
from torch import Tensor

from hypo.attacks.goals.goal import lead
from hypo.measurements.candidates import Candidates
from hypo.measurements.risks import Flags


@dataclass
class Verdicts:
    """What is known so far of each example, on the device; see `Flags`.

    Attributes:
        logits: (examples, classes) of the clean images, without gradient.
        decided_by, moved_by: (examples,) int64 places of searches, and -1 where there is none.
        passes: how many images each of the searches that are over put through the model.
    """

    labels: Tensor
    logits: Tensor
    clean: Tensor
    correct: Tensor
    adv: Tensor
    hyp: Tensor
    sta: Tensor
    hyp_by_stability: Tensor
    hyp_moved: Tensor
    decided_by: Tensor
    moved_by: Tensor
    passes: list[int] = field(default_factory=list)

    @classmethod
    def of_clean(cls, labels: Tensor, logits: Tensor) -> Verdicts:
        """What the clean predictions alone decide."""
        clean = logits.argmax(1)
        correct = clean == labels
        no, nobody = torch.zeros_like(correct), torch.full_like(labels, -1)
        return cls(
            *(labels, logits, clean, correct, ~correct, correct.clone()),
            *(no, no.clone(), no.clone(), nobody, nobody.clone()),
        )

    @classmethod
    def of_kept(cls, arrays: Mapping[str, np.ndarray], device: torch.device) -> Verdicts | None:
        """What `arrays` made of verdicts; None where they are of another version."""
        if arrays.keys() != {each.name for each in fields(cls)}:
            return None
        tensors = {name: torch.tensor(array, device=device) for name, array in arrays.items() if name != "passes"}
        return cls(**tensors, passes=arrays["passes"].tolist())

    def arrays(self) -> dict[str, np.ndarray]:
        """All of it as it is now, to be kept."""
        tensors = (each.name for each in fields(self) if each.name != "passes")
        return {
            **{name: getattr(self, name).cpu().numpy().copy() for name in tensors},
            "passes": np.array(self.passes, dtype=np.int64),
        }

    @property
    def undecided(self) -> Tensor:
        """(examples,) bool, whose own flag no search has decided: adv on D⁺, hyp on D⁻."""
        return ~torch.where(self.correct, self.adv, self.hyp)

    @property
    def unmoved(self) -> Tensor:
        """(examples,) bool, the mistakes whose prediction nothing has changed."""
        return ~self.correct & ~self.sta

    def verification(self, candidates: Candidates) -> None:
        """Take note of candidates of the adversary, who attacks D⁺, and of the false friend, who attacks D⁻."""
        self._record(candidates)
        if candidates.at_end:
            self.hyp_moved[candidates.indices] |= candidates.counts & self._is_moved(candidates)

    def stability(self, candidates: Candidates) -> None:
        """The same for those of the stability attack."""
        at = candidates.indices
        hidden = candidates.counts & ~self.hyp[at] & (candidates.predictions == self.labels[at])
        self.hyp_by_stability[at] |= hidden
        self._record(candidates)

    def flags(self, examples: Tensor, searches: tuple[str, ...]) -> Flags:
        """What the examples, whose indices in the test set `examples` has, come out as."""
        return Flags(
            example=examples.cpu().numpy(),
            label=self.labels.cpu().numpy(),
            clean_prediction=self.clean.cpu().numpy(),
            margin=lead(self.logits, self.labels).cpu().numpy(),
            lead=lead(self.logits, self.clean).cpu().numpy(),
            correct=self.correct.cpu().numpy(),
            adv=self.adv.cpu().numpy(),
            hyp=self.hyp.cpu().numpy(),
            sta=self.sta.cpu().numpy(),
            # What is hidden has moved, whichever attack found it.
            hyp_moved=(self.hyp_moved | (~self.correct & self.hyp)).cpu().numpy(),
            hyp_by_stability=self.hyp_by_stability.cpu().numpy(),
            decided_by=self.decided_by.cpu().numpy(),
            moved_by=self.moved_by.cpu().numpy(),
            searches=searches,
            passes=tuple(self.passes),
        )

    def _is_moved(self, candidates: Candidates) -> Tensor:
        """Whether it is a mistake's, and its prediction another one."""
        at = candidates.indices
        return ~self.correct[at] & (candidates.predictions != self.clean[at])

    def _record(self, candidates: Candidates) -> None:
        at, predictions = candidates.indices, candidates.predictions
        # What the clean prediction decides is known: there is nothing to take note of but other predictions.
        new = candidates.counts & (predictions != self.clean[at])
        if at.device.type == "cpu":  # a GPU would have to be asked how many these are
            chosen = new.nonzero().squeeze(1)
            if not len(chosen):
                return
            at, predictions, new = at[chosen], predictions[chosen], new[chosen]
        right, correct = predictions == self.labels[at], self.correct[at]
        _attribute(self.decided_by, at, candidates.search, new & (right ^ correct))
        _attribute(self.moved_by, at, candidates.search, new & ~correct)
        self.adv[at] |= new & ~right
        self.hyp[at] |= new & right
        self.sta[at] |= new


def _attribute(by: Tensor, at: Tensor, search: int, reached: Tensor) -> None:
    """Note the search in `by` where it was the first to reach something."""
    found = by[at]
    by[at] = torch.where(reached & (found < 0), search, found)


def joined(several: list[Verdicts]) -> Verdicts:
    """The verdicts of all the examples, of which each of `several` has some; each had all searches."""
    tensors = (each.name for each in fields(Verdicts) if each.name != "passes")
    passes = zip(*(verdicts.passes for verdicts in several), strict=True)
    return Verdicts(
        **{name: torch.cat([getattr(verdicts, name) for verdicts in several]) for name in tensors},
        passes=[sum(each) for each in passes],
    )
