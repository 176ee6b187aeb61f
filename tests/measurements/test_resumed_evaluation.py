"""An evaluation that is stopped goes on where it was, and finds what it would have found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields

import numpy as np
import pytest
import torch
from small_models import InDouble, quickly_trained
from torch import nn

from hypo.architectures.mlp import Mlp
from hypo.attacks.searches.projected_gradient import ProjectedGradient
from hypo.attacks.searches.random_points import RandomPoints
from hypo.attacks.threat_models.linf import Linf
from hypo.datasets.images import ImageData, Split
from hypo.measurements import chunks as module
from hypo.measurements.evaluation import Evaluation, evaluate
from hypo.measurements.kept import NOTHING, Kept
from hypo.measurements.passes import counted
from hypo.measurements.risks import Flags, searches

EVALUATION = Evaluation(
    ProjectedGradient(steps=2, relative_step=0.2, restarts=2),
    then={"random": RandomPoints(5), "long": ProjectedGradient(steps=6)},
    batch=8,
)
COUNT = 70


@dataclass
class InMemory:
    """`Kept` without a disk."""

    parts: dict[str, Mapping[str, np.ndarray]] = field(default_factory=dict)

    def get(self, name: str) -> Mapping[str, np.ndarray] | None:
        return self.parts.get(name)

    def put(self, name: str, arrays: Mapping[str, np.ndarray]) -> None:
        self.parts[name] = arrays


class StoppedError(Exception):
    pass


@pytest.fixture(scope="module")
def network(digits: ImageData) -> nn.Module:
    trained = quickly_trained(Mlp((32,)).build(digits.shape, 10), digits, epochs=1)
    return InDouble(trained).eval()


@pytest.fixture(scope="module")
def test_split(digits: ImageData) -> Split:
    return digits.test.select(torch.arange(100, 100 + COUNT))


@pytest.fixture
def chunks(monkeypatch: pytest.MonkeyPatch) -> int:
    """How many: three, of 24 examples at most."""
    monkeypatch.setattr(module, "CHUNK", 27 * 64)
    return 3


def found(
    network: nn.Module, test: Split, kept: Kept = NOTHING, stop_at: int | None = None, error: type = StoppedError
) -> tuple[Flags, int]:
    """The flags, and how many images went through the model; stopped when so much progress was told."""
    told = 0

    def progress(done: int, total: int) -> None:
        nonlocal told
        told += 1
        if told == stop_at:
            raise error

    with counted(network) as passes:
        flags = evaluate(network, test, 16, Linf(0.06), EVALUATION, seed=0, progress=progress, kept=kept)
    return flags, passes.images


def assert_same(one: Flags, other: Flags, *but: str) -> None:
    for each in fields(Flags):
        if each.name not in but:
            np.testing.assert_array_equal(getattr(one, each.name), getattr(other, each.name), err_msg=each.name)


@pytest.mark.parametrize("size", [1, 5, 24, 69, 70])
def test_flags_and_passes_do_not_depend_on_how_many_are_attacked_in_one_go(
    network: nn.Module, test_split: Split, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    whole, passes = found(network, test_split)
    monkeypatch.setattr(module, "CHUNK", size * 64)
    in_parts, again = found(network, test_split)
    assert_same(in_parts, whole)
    assert again == passes
    assert 0 < whole.adv[whole.correct].sum() < whole.correct.sum() < COUNT
    assert {None, "attack", "long"} <= set(whole.search)


def test_passes_are_all_that_goes_through_the_model_but_the_clean_images(
    network: nn.Module, test_split: Split
) -> None:
    flags, passes = found(network, test_split)
    by_search = searches(flags)
    assert sum(by["passes"] for by in by_search.values()) == passes - COUNT
    assert by_search["attack"]["passes"] > COUNT


@pytest.mark.parametrize("error", [StoppedError, KeyboardInterrupt])
def test_what_was_done_is_not_repeated(
    network: nn.Module, test_split: Split, chunks: int, error: type[BaseException]
) -> None:
    """StoppedError anywhere: no more is lost than one search of one chunk, and nothing is found otherwise."""
    whole, passes = found(network, test_split)
    at, stops = 1, 0
    while True:
        kept = InMemory()
        try:
            found(network, test_split, kept, stop_at=at, error=error)
        except error:
            stops += 1
        else:
            break
        assert len(kept.parts) == min(at, chunks)  # the clean predictions at least
        looked_at = sum(len(part["labels"]) for part in kept.parts.values())
        saved = sum(int(part["passes"].sum()) for part in kept.parts.values())
        resumed, rest = found(network, test_split, kept)
        assert_same(resumed, whole)
        assert rest == passes - looked_at - saved
        at += 41
    assert stops > 5
    assert saved > (passes - COUNT) / 2  # stopped late, little is left


def test_each_attempt_gets_further(network: nn.Module, test_split: Split, chunks: int) -> None:
    whole, passes = found(network, test_split)
    kept, spent, attempts = InMemory(), 0, 0
    while True:
        attempts += 1
        with counted(network) as some:
            try:
                flags, _ = found(network, test_split, kept, stop_at=3 * 20 + chunks)
            except StoppedError:
                spent += some.images
                continue
        break
    assert_same(flags, whole)
    assert attempts > 3
    assert spent + some.images < 2 * passes


def test_what_is_kept_does_not_change_afterwards(network: nn.Module, test_split: Split, chunks: int) -> None:
    kept = InMemory()
    with pytest.raises(StoppedError):
        found(network, test_split, kept, stop_at=3 * 40)
    before = {name: {key: array.copy() for key, array in part.items()} for name, part in kept.parts.items()}
    snapshot = dict(kept.parts)
    found(network, test_split, InMemory(dict(kept.parts)))
    for name, part in snapshot.items():
        for key, array in part.items():
            np.testing.assert_array_equal(array, before[name][key])


def test_parts_of_another_version_are_not_taken(network: nn.Module, test_split: Split, chunks: int) -> None:
    kept = InMemory()
    whole, _ = found(network, test_split, kept)
    for name, part in kept.parts.items():
        kept.parts[name] = {key: array for key, array in part.items() if key != "moved_by"}
    again, _ = found(network, test_split, kept)
    assert_same(again, whole)


def test_a_small_test_set_with_one_search_keeps_nothing(network: nn.Module, test_split: Split) -> None:
    kept = InMemory()
    evaluate(network, test_split, 16, Linf(0.06), Evaluation(EVALUATION.attack), seed=0, kept=kept)
    assert kept.parts == {}
    found(network, test_split, kept)
    assert [part["passes"].size for part in kept.parts.values()] == [2]  # the last search's is returned


def test_progress_is_of_the_whole_and_decided_examples_are_told(
    network: nn.Module, test_split: Split, chunks: int
) -> None:
    told: list[tuple[int, int]] = []
    decided: list[tuple[int, int]] = []

    def evaluated(kept: Kept) -> Flags:
        return evaluate(
            *(network, test_split, 16, Linf(0.06), EVALUATION, 0),
            progress=lambda done, total: told.append((done, total)),
            decided=lambda examples, total: decided.append((examples, total)),
            kept=kept,
        )

    kept = InMemory()
    flags = evaluated(kept)
    total = (2 * 2 + 5 + 6) * (COUNT + int((~flags.correct).sum()))
    most = (1 + 2 * (2 * 2 + 5 + 6)) * COUNT
    clean, told[:] = [done for done, of in told if of == most], [each for each in told if each[1] != most]
    assert clean == [24, 48, 70]
    assert {of for _, of in told} == {total}
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert (told[0][0], told[-1][0]) == (0, total)
    assert len(decided) == chunks * 3
    assert decided == sorted(decided)
    assert decided[-1] == (int((flags.decided_by >= 0).sum()), COUNT)
    told.clear()
    evaluated(kept)
    told[:] = [each for each in told if each[1] != most]
    assert told[0][0] > total / 2  # what an earlier attempt did is done
    assert told[-1] == (total, total)
