"""Tao, Feng, Yi, Chen, "With False Friends Like These, Who Can Have Self-Knowledge?" (2020).

The text that the numbers were copied from has the captions of its tables and next to none of their numbers, so
that each has a layout: what the captions and Appendix A say that it is of. λ are nowhere in it; they are those of
Tao et al. (2022).
"""

from __future__ import annotations

from analysis.paper.sources.source import GRID, LINF, NAIVE, STANDARD, Layout, Setting, Source, experiment

_PGD, _PGD_IMAGENET = "pgd-50x20", "pgd-50"

MNIST = {"dataset": "mnist", "arch": "lenet", **LINF, "eps": "0.2"}
"""Appendix A.2 and A.3."""

_PRETRAINED = {"data": "elsewhere", "defense": "none"}
"""Appendix A.2: the standard models of ImageNet are those of torchvision."""

_VGGS = ("vgg11", "vgg13", "vgg16", "vgg19")
_RESNETS = ("resnet18", "resnet34", "resnet50", "resnet101", "resnet152")


def _cifar10(epsilon: int) -> dict[str, str]:
    return {"dataset": "cifar10", "arch": "wrn28_10", **LINF, "eps": f"{epsilon}/255"}


def _imagenet(arch: str) -> dict[str, str]:
    return {"dataset": "imagenet", "arch": arch, **LINF, "eps": "16/255"}


def _accuracies(attack: str, *rows: Setting) -> Layout:
    return Layout(rows, tuple((attack, metric) for metric in ("F", "D", "A")))


def _two(**task: str) -> Layout:
    return _accuracies(_PGD, experiment(**task, **STANDARD), experiment(**task, **NAIVE))


def _over_lambda(risk: str, **task: str) -> Layout:
    rows = [
        experiment(**task, data="quality", defense=defense, lambda_=weight)
        for defense in ("thrm", "trades")
        for weight in GRID
    ]
    return Layout(tuple(rows), ((_PGD, "R_nat"), (_PGD, risk)))


_METHODS = (
    {"defense": "standard"},
    {"defense": "pgd_at"},
    {"defense": "trades", "lambda_": "6"},
    {"defense": "thrm", "lambda_": "40"},
)
_TASKS = (MNIST, *(_cifar10(epsilon) for epsilon in (1, 2, 8)))

_LOST = "numbers that are not in the text, and neither are λ, which are those of Tao et al. (2022)"

TAO2020 = Source(
    own=tuple(f"table{number}" for number in range(5, 15)),
    same={
        "table1": ("table5",),
        "table2": ("table6",),
        "table4": ("table7",),
        "figure3": ("table8", "table10"),
        "figure6": ("table8", "table9", "table10", "table11"),
    },
    toys={"table3": "example1"},
    layouts={
        "table5": _two(**MNIST),
        "table6": _accuracies(
            _PGD_IMAGENET,
            experiment(**_imagenet("resnet50"), **_PRETRAINED),
            *(experiment(**_imagenet(arch), **NAIVE) for arch in (*_VGGS, *_RESNETS)),
        ),
        "table7": _two(**_cifar10(8)),
        "table8": _over_lambda("R_hyp_minus", **MNIST),
        "table9": _over_lambda("R_hyp_minus", **_cifar10(1)),
        "table10": _over_lambda("R_hyp_minus", **_cifar10(2)),
        "table11": _over_lambda("R_hyp_minus", **_cifar10(8)),
        "table12": Layout(
            tuple(experiment(**task, data="quality", **method) for task in _TASKS for method in _METHODS),
            ((_PGD, "R_nat"), (_PGD, "R_hyp_minus")),
        ),
        "table13": _over_lambda("R_adv_plus", **MNIST),
        "table14": _over_lambda("R_adv_plus", **_cifar10(2)),
    },
    spreads={
        "table5": "numbers that are not in the text",
        "table6": "D and F of the naive ResNet-152 in the first of 3 trials, by Appendix A.2; the others are "
        "not in the text",
        "table7": "means ± std over 3 trials of the trained Wide ResNet; those of a model whose name is not in "
        "the text (F 100.0, D 93.9, 94.3 and 94.0, A 0.0) are in no row here, and others are not in it",
        **{f"table{number}": _LOST for number in range(8, 15)},
    },
    seeds=3,
    archs={
        "lenet": ("lenet", {"arch.width": "16"}),
        "wrn28_10": ("wide_resnet", {"arch.depth": "28", "arch.width": "10"}),
        **{name: (name, {"arch._target_": "Torchvision"}) for name in (*_VGGS, *_RESNETS)},
    },
    datasets={"mnist": "mnist", "cifar10": "cifar10", "imagenet": "imagenet"},
    attacks={"pgd50_restarts20": _PGD, "pgd50_imagenet": _PGD_IMAGENET},
)
