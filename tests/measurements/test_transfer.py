"""Black-box risk: what was crafted on other models, in closed form where they are linear."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from small_jobs import done
from small_models import Stripes, linear_model, small_experiment
from subjects import subject
from torch import nn

from hypo.architectures.mlp import Mlp
from hypo.attacks.searches.projected_gradient import ProjectedGradient
from hypo.attacks.threat_models.linf import Linf
from hypo.datasets.images import ImageData, Split
from hypo.defenses.standard import Standard
from hypo.measurements.evaluation import Evaluation
from hypo.measurements.finding import Finding
from hypo.measurements.risks import Share
from hypo.measurements.transfer import Transfer
from hypo.settings.components import build
from hypo.settings.errors import InputError
from hypo.settings.other_run import OtherRun

EVALUATION = Evaluation(ProjectedGradient(steps=5))
FGSM = ProjectedGradient(steps=1, relative_step=1.0, start="clean")
EPSILON = 0.1


def found(
    target: nn.Module,
    sources: Sequence[nn.Module],
    test: Split,
    maximum: int = 255,
    attack: ProjectedGradient = FGSM,
    epsilon: float = EPSILON,
    evaluation: Evaluation = EVALUATION,
) -> Finding:
    classes = int(test.labels.max()) + 1
    measured = replace(subject(target, test, maximum, Linf(epsilon), evaluation, classes), models=sources)
    names = {f"source_{number}": OtherRun(seed=number) for number in range(len(sources))}
    return Transfer(names, attack).measure(measured)


def counted(finding: Finding) -> dict[str, tuple[int, int]]:
    return {name: (named.share.count, named.share.of) for name, named in finding.shares.items()}


def two_classes(weight: torch.Tensor, offset: float) -> nn.Module:
    """Class 1 where `weight`·x > `offset`; weight: (pixels,)."""
    return linear_model(torch.stack([torch.zeros_like(weight), weight]), torch.tensor([0.0, -offset]))


@pytest.mark.parametrize("attack", [FGSM, ProjectedGradient(steps=20, relative_step=0.5)])
def test_between_linear_models_what_transfers_is_the_inner_product_with_the_sign(
    attack: ProjectedGradient,
) -> None:
    """Towards class 1 the source moves every pixel by ε·sign(w₁), the target's logit by ε·w₂·sign(w₁)."""
    random = torch.Generator().manual_seed(0)
    source, target = torch.randn(2, 9, generator=random)
    images = torch.randint(77, 179, (300, 1, 3, 3), generator=random, dtype=torch.uint8)  # no clamping at 0 and 1
    labels = torch.randint(2, (300,), generator=random)
    offset = float(target.sum()) / 2
    models = two_classes(target, offset), two_classes(source, -3.0)
    finding = found(models[0], [models[1]], Split(images, labels), attack=attack)
    logit = (images.flatten(1).double() / 255) @ target.double() - offset
    correct = (logit > 0) == (labels == 1)
    moved = EPSILON * float(target @ source.sign())
    hidden = ~correct & (((logit + moved * (2 * labels - 1)) > 0) == (labels == 1))
    broken = correct & (((logit - moved * (2 * labels - 1)) > 0) != (labels == 1))
    plus, minus = int(correct.sum()), int((~correct).sum())
    expected = {
        "A_transfer": (plus - int(broken.sum()), 300),
        "F_transfer": (plus + int(hidden.sum()), 300),
        "R_adv_plus_transfer": (int(broken.sum()), plus),
        "R_hyp_minus_transfer": (int(hidden.sum()), minus),
    }
    assert counted(finding) == expected
    assert 0 < int(hidden.sum()) < minus
    assert finding.columns["transferred"].values.sum() == int(hidden.sum() + broken.sum())


def test_of_several_sources_any_will_do() -> None:
    """One pixel; the first source pulls it the wrong way, the second the right one."""
    pixels = torch.tensor([110, 120, 140, 150], dtype=torch.uint8).view(4, 1, 1, 1)  # the line is at 127.5, ε 25.5
    test = Split(pixels, torch.tensor([1, 0, 0, 1]))
    target, same, opposite = (two_classes(torch.tensor([w]), w / 2) for w in (1.0, 2.0, -1.0))
    assert counted(found(target, [opposite], test))["F_transfer"] == (2, 4)
    finding = found(target, [opposite, same], test)
    assert counted(finding) == {
        "A_transfer": (0, 4),
        "F_transfer": (4, 4),
        "R_adv_plus_transfer": (2, 2),
        "R_hyp_minus_transfer": (2, 2),
    }
    broken, hidden = finding.curves
    assert [(point.at, point.share) for point in broken.points] == [
        ("source_0", Share(0, 2)),
        ("source_1", Share(2, 2)),
    ]
    assert [point.share.count for point in hidden.points] == [0, 2]
    assert finding.columns["transferred"].values.tolist() == [1, 1, 1, 1]


def test_a_constant_model_takes_nothing_and_from_one_nothing_is_learnt() -> None:
    random = torch.Generator().manual_seed(1)
    test = Split(
        torch.randint(256, (40, 1, 3, 3), generator=random, dtype=torch.uint8),
        torch.randint(2, (40,), generator=random),
    )
    weight = torch.randn(9, generator=random)
    source, constant = two_classes(weight, float(weight.sum()) / 2), two_classes(torch.zeros(9), -1.0)
    finding = counted(found(constant, [source], test))
    assert finding["R_adv_plus_transfer"][0] == finding["R_hyp_minus_transfer"][0] == 0
    assert finding["A_transfer"] == finding["F_transfer"] == (int(test.labels.sum()), 40)


def test_a_twin_takes_what_the_end_of_the_attack_on_itself_does(digits: ImageData, digits_mlp: nn.Module) -> None:
    attack = ProjectedGradient(steps=10, relative_step=0.25)
    test = digits.test.select(torch.arange(150))

    def shares(batch: int) -> dict[str, tuple[int, int]]:
        evaluation = Evaluation(attack, success="last_iterate", batch=batch)
        return counted(found(digits_mlp, [digits_mlp], test, 16, attack, 0.2, evaluation))

    everything = shares(500)
    assert everything == shares(7)
    assert everything["R_hyp_minus_transfer"][0] == everything["R_hyp_minus_transfer"][1] > 0
    assert everything["A_transfer"][0] < everything["F_transfer"][0] == 150


def test_sources_are_runs_that_are_needed_and_measured_without_sources_of_their_own() -> None:
    transfer = Transfer({"other": OtherRun(seed=1), "wider": OtherRun(arch=Mlp((3,)))})
    experiment = small_experiment(Standard(), measurements={"transfer": transfer})
    alone = replace(experiment, measurements={})
    assert experiment.prerequisites == (replace(alone, seed=1), replace(alone, arch=Mlp((3,))))
    hash(transfer)


def test_no_source_and_several_restarts_are_refused() -> None:
    target = {"_target_": "hypo.measurements.transfer.Transfer"}
    expected = r"measurement\.transfer\.sources: takes at least one other run .*sources\.other\.seed=1, got none"
    with pytest.raises(InputError, match=expected):
        build({**target, "sources": {}}, "measurement.transfer")
    with pytest.raises(InputError, match=r"transfer\.attack: takes one restart.*restarts=2"):
        build({**target, "sources": {"b": {"seed": 1}}, "attack": {"restarts": 2}}, "measurement.transfer")


def test_a_source_of_other_classes_is_refused_before_anything_starts(tmp_path: Path) -> None:
    other = done(tmp_path, small_experiment(Standard(), dataset=Stripes(classes=3)))
    measurements = {"transfer": Transfer({"b": OtherRun(run=str(other))})}
    experiment = small_experiment(Standard(), measurements=measurements)
    expected = (
        r"measurement\.transfer\.sources\.b: takes a model of 1×8×8 images and 4 classes, got one of .* 3 cl"
    )
    with pytest.raises(InputError, match=expected):
        _ = experiment.prerequisites
    missing = replace(experiment, measurements={"transfer": Transfer({"b": OtherRun(run=str(tmp_path / "none"))})})
    with pytest.raises(InputError, match=r"sources\.b: .*none"):
        _ = missing.prerequisites
