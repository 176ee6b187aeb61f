"""evaluation=strongest begins with PGD-20, only adds to it and stays affordable; what others find is counted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from composing import cell
from small_models import linear_model, quickly_trained
from torch import Tensor

from benchmarks import strongest
from benchmarks.audited import cifar10_settings, digits_settings
from benchmarks.checkpoints import build
from benchmarks.oracles import Attacked, Oracle, oracles
from benchmarks.strongest import Judged, exceeded, judge
from hypo.attacks.searches.projected_gradient import ProjectedGradient
from hypo.attacks.threat_models.l2 import L2
from hypo.attacks.threat_models.linf import Linf
from hypo.datasets.images import Split
from hypo.measurements.evaluation import Evaluation, evaluate
from hypo.measurements.risks import Flags
from hypo.settings.errors import InputError

# foolbox 3.3.4 imports from scipy's deprecated namespaces, and adv-lib 0.2.8 compares versions as distutils did.
pytestmark = [
    pytest.mark.filterwarnings("ignore:Please import:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:distutils Version classes:DeprecationWarning"),
]

# One pixel, class 1 above the middle. With ε = 0.2 the first three change sides, and the last two do not.
PIXELS, LABELS, EPSILON = [0.4, 0.6, 0.4, 0.2, 0.8], [0, 1, 1, 0, 0], 0.2


def subject() -> Attacked:
    model = linear_model(torch.tensor([[-1.0], [1.0]]), torch.tensor([0.5, -0.5])).eval()
    images = torch.tensor(PIXELS).view(-1, 1, 1, 1)
    return Attacked(model, images, torch.tensor(LABELS), Linf(EPSILON), hide=False, budget=10)


def ours(steps: int) -> Flags:
    """From the clean image by steps of ε/4, of which three are needed."""
    one = subject()
    split = Split((one.images * 10).round().to(torch.uint8), one.labels)
    search = ProjectedGradient(steps=steps, start="clean")
    return evaluate(one.model, split, 10, Linf(EPSILON), Evaluation(search), seed=0)


def to_the_other_side(attacked: Attacked) -> Tensor:
    """One pass of the model, and then as far as can be, out of the ball and out of [0, 1]."""
    above = attacked.model(attacked.images).argmax(1).bool()
    return torch.where(above, -5.0, 5.0).view(-1, 1, 1, 1)


def only(oracle: Oracle) -> Callable[[bool, bool], Mapping[str, Oracle]]:
    return lambda hide, in_l2: {"oracle": oracle}


def test_an_oracle_that_finds_more_is_caught_and_only_where_it_is_in_the_ball() -> None:
    assert judge(subject(), ours(steps=4), 2, only(to_the_other_side)) == {"oracle": Judged(5, 3, 3, 0, 1.0)}
    assert judge(subject(), ours(steps=1), 2, only(to_the_other_side)) == {"oracle": Judged(5, 3, 0, 3, 1.0)}
    broken = judge(subject(), replace(ours(steps=4), adv=np.zeros(5, bool)), 2, only(to_the_other_side))
    assert broken == {"oracle": Judged(5, 3, 1, 2, 1.0)}


def test_an_oracle_gets_each_example_with_its_own_goal() -> None:
    given = []

    def note(attacked: Attacked) -> Tensor:
        given.append((attacked.hide, attacked.labels.tolist(), attacked.images.flatten().tolist()))
        return attacked.images

    judge(subject(), ours(steps=4), 10, only(note))
    assert given == [
        (False, [0, 1, 0], pytest.approx([0.4, 0.6, 0.2])),
        (True, [1, 0], pytest.approx([0.4, 0.8])),
    ]


def test_what_is_not_a_number_is_not_found() -> None:
    def nowhere(attacked: Attacked) -> Tensor:
        return torch.full_like(attacked.images, torch.nan)

    (judged,) = judge(subject(), ours(steps=4), 10, only(nowhere)).values()
    assert (judged.found, judged.missed) == (0, 0)


def test_limits() -> None:
    robust = replace(next(digits_settings()), robust=True)
    two, three = (Judged(tried=900, found=100, ours=100, missed=missed, passes=126.0) for missed in (2, 3))
    assert exceeded(robust, {"one": two, "other": two}, 6.0, examples=1_000) == []
    (line,) = exceeded(robust, {"one": two, "other": three}, 6.0, examples=1_000)
    assert "other found 3 of 1000 examples that ours missed, at most 2" in line
    (line,) = exceeded(robust, {"one": two}, 6.01, examples=1_000)
    assert "6.01× the passes, at most 6×" in line
    assert exceeded(replace(robust, robust=False), {"one": two}, 6.01, examples=1_000) == []


def test_what_the_benchmark_measures_is_what_a_run_does() -> None:
    assert cell("evaluation=strongest").experiment.evaluation == strongest.strongest()


def test_its_first_search_is_that_of_pgd20_and_everything_else_is_as_there() -> None:
    assert replace(strongest.strongest(), then={}) == cell("evaluation=pgd20").experiment.evaluation


def test_it_finds_all_that_pgd20_finds_and_more() -> None:
    setting = list(digits_settings())[1]
    model = quickly_trained(build(setting.arch, setting.data, seed=0), setting.data, epochs=3)
    test, _ = setting.data.test.limited(200)
    first, all_three = (
        evaluate(model, test, setting.data.maximum, Linf(0.1), evaluation, seed=0)
        for evaluation in (replace(strongest.strongest(), then={}), strongest.strongest())
    )
    for before, after in ((first.adv, all_three.adv), (first.hyp, all_three.hyp), (first.sta, all_three.sta)):
        assert not (before & ~after).any()
    assert all_three.adv.sum() > first.adv.sum()


def test_it_takes_at_most_six_times_the_passes_even_where_nothing_is_decided() -> None:
    evaluation = strongest.strongest()
    alone = strongest.budget(replace(evaluation, then={}), classes=10)
    assert alone == 20 + 1
    for classes in (2, 3, 10, 1000):
        assert strongest.budget(evaluation, classes) <= strongest.PASSES_AT_MOST * alone


@pytest.mark.parametrize("missed", [0, 1])
def test_the_command_says_what_was_found_and_fails_where_a_limit_is_exceeded(
    missed: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    setting = list(digits_settings())[1]
    short = replace(setting, recipe=replace(setting.recipe, epochs=2))
    monkeypatch.setattr(strongest, "digits_settings", lambda: iter([short]))
    if missed:
        monkeypatch.setattr(strongest, "MISSED_AT_MOST", -1 / 500)
    assert strongest.main(["--examples", "20"]) == missed
    printed = capsys.readouterr().out
    assert "strongest:" in printed
    for hide in (False, True):
        for name in oracles(hide, in_l2=False):
            assert name in printed
    assert ("No limit is exceeded." in printed) == (not missed)


def test_every_oracle_works_in_either_norm() -> None:
    setting = list(digits_settings())[1]
    model = quickly_trained(build(setting.arch, setting.data, seed=0), setting.data, epochs=3)
    images, labels = setting.data.test.images[:6].float() / setting.data.maximum, setting.data.test.labels[:6]
    for ball in (Linf(0.5), L2(5.0)):
        for hide in (False, True):
            # Labels that are all wrong are there to be hidden.
            given = Attacked(model, images, (labels + hide) % 10, ball, hide, budget=60)
            for name, oracle in oracles(hide, given.in_l2).items():
                found, passes = strongest.brought_over(oracle, given, batch=4)
                assert found.any(), (name, ball, hide)
                assert passes <= 1.1 * len(images) * given.budget


def test_wrong_input_gets_one_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for arguments, named in ((["--examples", "0"], "--examples"), (["--device", "abacus"], "device")):
        assert strongest.main(arguments) == 2
        error = capsys.readouterr().err
        assert error.startswith(f"error: {named}")
        assert error.count("\n") == 1
    with pytest.raises(InputError, match=r"--data: takes a folder with cifar10-jpeg\.zip in it"):
        next(cifar10_settings(str(tmp_path)))
