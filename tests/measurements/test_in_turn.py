"""Friends and adversaries in turn: on linear models every radius at which something gives way is known."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from composing import job as composed
from small_jobs import Silent, done, job
from small_models import InDouble, Stripes, linear_model, small_experiment
from subjects import subject
from torch import Tensor, nn

from hypo.attacks.searches.projected_gradient import ProjectedGradient
from hypo.attacks.threat_models.l2 import L2
from hypo.attacks.threat_models.linf import Linf
from hypo.attacks.threat_models.threat_model import ThreatModel
from hypo.datasets.images import ImageData, Split
from hypo.defenses.standard import Standard
from hypo.jobs.attempt import attempt
from hypo.measurements.around import Around
from hypo.measurements.evaluation import Evaluation
from hypo.measurements.finding import Finding
from hypo.measurements.in_turn import InTurn
from hypo.measurements.risks import Share, risks
from hypo.settings.errors import InputError
from hypo.settings.other_run import OtherRun

STRAIGHT = Evaluation(ProjectedGradient(steps=10, start="clean"))
DELTAS = (0, 0.1, 0.3, 0.6, 0.9, 1)


def curves(found: Finding) -> dict[str, list[Share]]:
    for curve in found.curves:
        assert [point.at for point in curve.points] == list(DELTAS)
    return {curve.name: [point.share for point in curve.points] for curve in found.curves}


@pytest.mark.parametrize("threat_model", [Linf(0.05), L2(0.1)])
def test_on_a_linear_model_all_gives_way_where_the_plane_is_reached(threat_model: ThreatModel) -> None:
    """Whoever moves goes straight towards the plane, or away from it: d from it, then ε − d on the other side."""
    random = torch.Generator().manual_seed(0)
    weight = torch.tensor([1.0, -0.5, 2.0, 0.75])
    images = torch.randint(60, 196, (300, 1, 2, 2), generator=random, dtype=torch.uint8)
    labels = torch.randint(2, (300,), generator=random)
    test = Split(images, labels)
    logits = (images.flatten(1).double() / 255) @ weight.double() - 1.6005  # no image lies on the plane
    model = linear_model(torch.stack([torch.zeros(4), weight]), torch.tensor([0.0, -1.6005]))
    norm = weight.norm(p=1 if isinstance(threat_model, Linf) else 2)
    distance = (logits.abs() / norm).numpy() / threat_model.epsilon  # in units of ε
    correct = ((logits > 0) == labels.bool()).numpy()

    found = curves(InTurn(DELTAS).measure(subject(model, test, 255, threat_model, STRAIGHT, classes=2)))
    hidden, broken = ~correct & (distance < 1), correct & (distance < 1)
    assert min(hidden.sum(), broken.sum()) > 15
    for place, delta in enumerate(DELTAS):
        standing, bare = hidden & (1 - distance > delta), correct & (distance > delta)
        assert found["hidden"][place] == Share(int(standing.sum()), int(hidden.sum()))
        assert found["repaired"][place] == Share(int((broken & (1 - distance < delta)).sum()), int(broken.sum()))
        assert found["clean"][place] == Share(int(bare.sum()), 300)
        assert found["perturbed"][place] == Share(int((bare | standing).sum()), 300)


@pytest.mark.parametrize("threat_model", [Linf(0.06), L2(0.35)])
@pytest.mark.parametrize("success", ["any_iterate", "last_iterate"])
def test_both_ends_are_what_the_flags_say_and_the_batch_does_not_matter(
    digits: ImageData, digits_mlp: nn.Module, threat_model: ThreatModel, success: str
) -> None:
    model = InDouble(copy.deepcopy(digits_mlp))
    test, _ = digits.test.limited(200)

    def measured(batch: int) -> Any:
        evaluation = Evaluation(ProjectedGradient(steps=6), success=success, batch=batch)  # type: ignore[arg-type]
        return subject(model, test, 16, threat_model, evaluation, classes=10)

    whole = measured(500)
    found, known = curves(InTurn(DELTAS).measure(whole)), risks(whole.flags)
    assert found == curves(InTurn(DELTAS).measure(measured(37)))
    assert found["clean"][0] == known["D"]
    assert found["hidden"][0].count == found["hidden"][0].of
    assert (found["hidden"][-1].count, found["repaired"][0].count) == (0, 0)
    assert found["repaired"][-1] == Share(found["repaired"][0].of, found["repaired"][0].of)
    assert found["clean"][-1] == found["perturbed"][-1]
    for name in ("clean", "perturbed", "hidden"):
        counts = [share.count for share in found[name]]
        assert counts == sorted(counts, reverse=True)
    if success == "any_iterate":
        by_friend = int((whole.flags.hyp & ~whole.flags.correct & ~whole.flags.hyp_by_stability).sum())
        assert found["hidden"][0].count == by_friend > 0
        assert found["repaired"][0].of == known["R_adv_plus"].count > 0
    # Appendix C: on a set that a friend has touched, a weaker adversary may find less than on the clean one.
    assert found["perturbed"][1].count > found["clean"][1].count


def test_a_friend_who_left_the_ball_is_not_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    model = linear_model(torch.tensor([[-1.0], [1.0]]), torch.tensor([0.5, -0.5]))
    test = Split(torch.tensor([[[[110]]]], dtype=torch.uint8), torch.tensor([1]))
    measured = subject(model, test, 255, Linf(0.1), STRAIGHT, classes=2)

    def too_far(self: Around, name: str, images: Tensor, *rest: object) -> Tensor:
        return images + 0.4

    monkeypatch.setattr(Around, "strongest", too_far)
    with pytest.raises(
        AssertionError, match="stayed hidden although the clean image was in the adversary's reach"
    ):
        InTurn().measure(measured)


def test_a_surrogate_friend_helps_as_far_as_it_sees_better() -> None:
    """One pixel, both models say 1 above a line: the weak one's is at 0.5, the friend's at 0.44; ε is 0.1."""

    def above(line: float) -> nn.Module:
        return linear_model(torch.tensor([[-1.0], [1.0]]), torch.tensor([line, -line]))

    pixels = torch.tensor(
        [80, 105, 115, 125, 130, 140, 160], dtype=torch.uint8
    )  # 0.31 0.41 0.45 0.49 | 0.51 0.55 0.63
    test = Split(pixels.view(-1, 1, 1, 1), torch.ones(7, dtype=torch.int64))
    weak = replace(subject(above(0.5), test, 255, Linf(0.1), STRAIGHT, classes=2), models=(above(0.44),))
    shares = {name: named.share for name, named in InTurn(friend=OtherRun(seed=1)).measure(weak).shares.items()}
    assert shares == {
        # All mistakes but 0.31 come over the line with a push of ε up; the friend knows it of 0.45 and 0.49.
        "righted_mistakes": Share(3, 4),
        "righted_mistakes_guessing": Share(2, 4),
        # 0.51 and 0.55 are pushed down to 0.41 and 0.45, and of these the friend sees that 0.45 is a 1.
        "righted_adversarial": Share(2, 2),
        "righted_adversarial_guessing": Share(1, 2),
    }


def test_without_mistakes_or_correct_examples_there_is_nothing_to_take_a_share_of() -> None:
    model = linear_model(torch.tensor([[-1.0], [1.0]]), torch.tensor([0.5, -0.5]))
    for label, empty in ((1, "hidden"), (0, "repaired")):
        test = Split(torch.tensor([[[[200]]]], dtype=torch.uint8), torch.tensor([label]))
        found = curves(InTurn(DELTAS).measure(subject(model, test, 255, Linf(0.1), STRAIGHT, classes=2)))
        assert all(share == Share(0, 0) for share in found[empty])


def test_the_friend_is_a_run_that_comes_first(tmp_path: Path) -> None:
    experiment = small_experiment(Standard(), measurements={"in_turn": InTurn((0.5, 1), OtherRun(seed=3))})
    run = job(tmp_path, experiment)
    (friend,) = run.prerequisites
    assert friend.experiment.seed == 3
    for each in (friend, run):
        each.create()
        assert attempt(each, Silent()).state == "done"
    found = run.directory.result()
    assert found is not None
    assert found["counts"]["righted_mistakes"]["of"] == found["n"] - found["counts"]["D"]["count"]
    assert [curve["name"] for curve in found["findings"]["in_turn"]["curves"]] == [
        *("clean", "perturbed", "hidden", "repaired"),
    ]


def test_without_a_friend_nothing_is_needed() -> None:
    assert InTurn().prerequisites(small_experiment(Standard())) == ()
    assert composed("measurement=[in_turn]").experiment.measurements == {"in_turn": InTurn()}
    given = composed(
        "measurement=[in_turn]", "measurement.in_turn.friend={seed: 1}", "measurement.in_turn.deltas=[1]"
    )
    assert given.experiment.measurements == {"in_turn": InTurn((1,), OtherRun(seed=1))}


def test_a_friend_on_other_data_is_refused(tmp_path: Path) -> None:
    elsewhere = done(tmp_path, small_experiment(Standard(), dataset=Stripes(noise=90)))
    with pytest.raises(InputError, match=r"^measurement\.in_turn\.friend: takes a run on the same data set"):
        InTurn(friend=OtherRun(run=str(elsewhere))).prerequisites(small_experiment(Standard()))


@pytest.mark.parametrize("deltas", [(), (0.5,), (-0.1, 1), (1, 1.5), (0.5, "one")])
def test_radii_are_shares_of_that_of_the_first_to_move(deltas: Sequence[Any]) -> None:
    with pytest.raises(InputError, match=r"^deltas: takes"):
        InTurn(tuple(deltas))
