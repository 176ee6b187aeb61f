"""The lecture on adversarial examples as features and on their defenses, with figures from papers.

Section 5.2 says two numbers of Figure 10. The capacities on its axis are those of Madry et al. (2018), Figure 4.
Of Figures 12 and 13 the text has no number but ε of training, and names no network.
"""

from __future__ import annotations

from analysis.paper.sources.source import LINF, Layout, Source, experiment

CAPACITIES = ("1", "2", "4", "8", "16")

_MNIST = {"dataset": "mnist", **LINF, "eps": "0.3", "data": "quality"}
_CIFAR10 = {"dataset": "cifar10", **LINF, "eps": "8/255", "data": "quality"}

LECTURE = Source(
    own=("figure10",),
    layouts={
        "figure10": Layout(
            tuple(
                experiment(**_MNIST, arch=f"lenet{width}", defense=defense)
                for defense in ("standard", "fgsm_at", "pgd_at")
                for width in CAPACITIES
            ),
            (("clean", "D"), ("fgsm", "A"), ("pgd-20", "A")),
        ),
        "figure12": Layout(tuple(experiment(**_MNIST, defense=defense) for defense in ("fgsm_at", "ensemble_at"))),
        "figure13": Layout(tuple(experiment(**task, defense="pgd_at") for task in (_MNIST, _CIFAR10))),
    },
    spreads={
        "figure10": "what Section 5.2 says of standard training, at no capacity in particular; the figure has no "
        "numbers, and the text no recipe"
    },
    seeds=1,
    archs={f"lenet{width}": ("lenet", {"arch.width": width}) for width in CAPACITIES},
    datasets={"mnist": "mnist", "cifar10": "cifar10"},
    attacks={"fgsm": "fgsm", "pgd20": "pgd-20"},
)
