"""Runs of the figures of Tao et al. (2020), Ilyas et al. (2019) and the lecture, with made-up results."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fake_findings import add_finding, curve
from fake_runs import make_run

WIDTHS = (1, 2, 4, 8, 16)
NETWORKS = {"vgg16": 0.30, "inception_v3": 0.35, "resnet18": 0.41, "densenet121": 0.44, "resnet50": 0.47}
"""Ilyas et al., Figure 3, with made-up accuracies of what is trained on D_det."""

OF = 1000


def add_epsilon_curve(run: Path, key: str, norm: str | None, accuracies: Mapping[float, float]) -> Path:
    """Say that a run measured accuracy at several ε."""
    points = [(at, round(OF * accuracy), OF) for at, accuracy in accuracies.items()]
    over_epsilon = [curve("A", "adversarial accuracy", "epsilon", points)]
    return add_finding(run, key, "Accuracy over ε", settings={"norm": norm}, curves=over_epsilon)


def add_transfer(run: Path, key: str, share: float) -> Path:
    """Say that a run was attacked with examples of other models."""
    about = "examples crafted on other models that fool it"
    return add_finding(run, "transfer", "Transfer", shares={key: (about, None, round(OF * share), OF)})


def add_tradeoffs(outputs: Path) -> None:
    """Tao et al. (2020), Figures 3 and 6."""
    for defense, slope in (("thrm", 1.0), ("trades", 1.4)):
        for weight in (0, 5, 40):
            at = {"R_nat": 0.01 + 0.001 * weight * slope, "R_hyp_minus": 0.9 - 0.02 * weight}
            make_run(outputs, defense, weight, config={"evaluation": {"name": "pgd50_restarts20"}}, **at)


def add_robust_data(outputs: Path) -> None:
    """Ilyas et al. (2019), Figure 2."""
    models = {
        ("quality", "standard"): (0.95, {0.25: 0.10, 0.5: 0.0}),
        ("non_robust", "standard"): (0.83, {0.25: 0.04, 0.5: 0.01}),
        ("quality", "pgd_at"): (0.88, {0.25: 0.78, 0.5: 0.66}),
        ("robust", "standard"): (0.85, {0.25: 0.48, 0.5: 0.20}),
    }
    for (data, defense), (accuracy, attacked) in models.items():
        for seed in (0, 1):
            config: dict[str, dict[str, Any]] = {"training_data": {"name": data}, "threat_model": {"name": "l2"}}
            run = make_run(outputs, defense, None, seed, epsilon=0.5, config=config, D=accuracy + 0.02 * seed)
            add_epsilon_curve(run, "epsilon_curve", None, attacked)


def add_networks(outputs: Path) -> None:
    """Ilyas et al. (2019), Figure 3; of the last network nothing was trained on D_det."""
    for name, learnt in {**NETWORKS, "lacking": 0.0}.items():
        for seed in (0, 1):
            l2 = {"arch": {"name": "torchvision", "_target_": "Torchvision"}, "threat_model": {"name": "l2"}}
            for data in ("det", "quality"):
                config: dict[str, dict[str, Any]] = {**l2, "training_data": {"name": data}}
                config["arch"] = {**config["arch"], "name": name}
                if data == "quality" or name != "lacking":
                    run = make_run(
                        outputs, "standard", None, seed, epsilon=0.5, config=config, D=learnt + 0.02 * seed
                    )
                if data == "quality":
                    add_transfer(run, "R_adv_plus_transfer", learnt + 0.4)


def add_capacities(outputs: Path) -> None:
    """The lecture's Figure 10."""
    for place, defense in enumerate(("standard", "fgsm_at", "pgd_at")):
        for width in WIDTHS:
            for evaluation, accuracy in (("fgsm", 0.2 * place + 0.02 * width), ("pgd20", 0.15 * place)):
                config = {"arch": {"name": "lenet", "width": width}, "evaluation": {"name": evaluation}}
                make_run(outputs, defense, None, config=config, D=0.9 + 0.005 * width, A=accuracy)


def add_black_boxes(outputs: Path) -> None:
    """The lecture's Figure 12."""
    for defense, errors in (("fgsm_at", (0.03, 0.06, 0.21)), ("ensemble_at", (0.02, 0.12, 0.05))):
        for seed in (0, 1):
            config = {"evaluation": {"name": "fgsm"}}
            clean, white, black = (each + 0.01 * seed for each in errors)
            run = make_run(outputs, defense, None, seed, config=config, D=1 - clean, A=1 - white)
            add_transfer(run, "A_transfer", 1 - black)


def add_epsilons(outputs: Path) -> None:
    """The lecture's Figure 13, of two data sets."""
    for scale, epsilon in ((1, 0.3), (2, 0.03)):
        for seed in (0, 1):
            run = make_run(
                outputs, "pgd_at", None, seed, epsilon=epsilon, config={"dataset": {"scale": scale}}, D=0.9
            )
            over = {0.0: 0.98, epsilon / 2: 0.95, epsilon: 0.9 + 0.02 * seed, 2 * epsilon: 0.1}
            add_epsilon_curve(run, "epsilon_curve", None, over)
            add_epsilon_curve(run, "epsilon_curve_l2", "l2", {0.0: 0.98, 1.0: 0.7, 2.0: 0.3 + 0.02 * seed})


ADD = {
    "tao2020/figure3": add_tradeoffs,
    "tao2020/figure6": add_tradeoffs,
    "ilyas2019/figure2": add_robust_data,
    "ilyas2019/figure3": add_networks,
    "lecture/figure10": add_capacities,
    "lecture/figure12": add_black_boxes,
    "lecture/figure13": add_epsilons,
}
"""What makes the runs of each figure."""
