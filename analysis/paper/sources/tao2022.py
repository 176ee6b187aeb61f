"""Tao, Feng, Yi, Chen, "With False Friends Like These, Who Can Notice Mistakes?" (AAAI 2022)."""

from __future__ import annotations

from analysis.paper.sources.source import Source

_SEEDS = 5
_SINGLE = "single runs, as their digits show, so that no spread is known"

TAO2022 = Source(
    own=(*(f"table{number}" for number in (1, 2, 3, *range(5, 15), 16)), "figure2"),
    same={
        "figure3": ("table8", "table9"),
        "figure4": ("table10", "table11", "table12"),
        "figure5": ("table8", "table9"),
        "figure6": ("table13",),
        "figure7": ("table10", "table11", "table12"),
    },
    training_data={"figure3": "quality", "figure5": "poisoning"},
    toys={"table15": "example1"},
    spreads={
        "table1": f"means over {_SEEDS} runs, whose std stands in Table 5",
        "table2": f"means over {_SEEDS} runs, whose std stands in Table 7",
        "table3": f"means over {_SEEDS} runs, whose std stands in Tables 7 and 8, for NT on CIFAR-10 nowhere",
        **{f"table{number}": f"means ± std over {_SEEDS} runs" for number in range(5, 10)},
        **{f"table{number}": _SINGLE for number in range(10, 14)},
        "table14": f"THRM a single run, the others means over {_SEEDS} runs, without std",
        "table16": "single runs, so that no spread is known",
        "figure2": "as the text of Section 1 rounds them; it does not say over how many runs",
    },
    seeds=_SEEDS,
    archs={
        "mlp": ("mlp_tao2022", {}),
        "vgg16": ("vgg16", {"arch.width": "64"}),
        "resnet18": ("resnet18", {"arch.width": "64"}),
        "wrn28_10": ("wide_resnet", {"arch.depth": "28", "arch.width": "10"}),
        "linf_dist_net": ("linf_dist_net", {"arch.hidden": "[5120, 5120, 5120, 5120, 5120]"}),
    },
    datasets={"cifar10": "cifar10", "svhn": "svhn", "cifar100": "cifar100", "tiny_imagenet": "tinyimagenet"},
    attacks={"pgd20": "pgd-20", "pgd100": "pgd-100", "fgsm": "fgsm", "cw100": "cw-100"},
)
