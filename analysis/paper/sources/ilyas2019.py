"""Ilyas et al., "Adversarial Examples Are Not Bugs, They Are Features" (NeurIPS 2019).

The text that the numbers were copied from ends before its appendices: it names neither the network of Table 1 nor
the ε of its data. ResNet-50 is that of the examples of Section 3.2 by Section 3.3, ε = 0.5 in ℓ2 that of the data
which the authors published.
"""

from __future__ import annotations

from analysis.paper.sources.source import Layout, Source, experiment

_ARCHS = ("vgg16", "inception_v3", "resnet18", "densenet121", "resnet50")
"""Figure 3."""

_L2 = {"norm": "l2", "eps": "0.5"}
_RESNET = {"arch": "resnet50", **_L2}

ILYAS2019 = Source(
    own=("table1",),
    layouts={
        "table1": Layout(
            tuple(
                experiment(dataset=dataset, **_RESNET, data=data, defense="standard")
                for dataset in ("cifar10", "restricted_imagenet")
                for data in ("quality", "rand", "det")
            ),
            (("clean", "D"),),
        ),
        "figure2": Layout(
            (
                *(
                    experiment(dataset="cifar10", **_RESNET, data=data, defense="standard")
                    for data in ("quality", "non_robust", "robust")
                ),
                experiment(dataset="cifar10", **_RESNET, data="quality", defense="pgd_at"),
            )
        ),
        "figure3": Layout(
            tuple(
                experiment(dataset="cifar10", arch=arch, **_L2, data=data, defense="standard")
                for arch in _ARCHS
                for data in ("det", "quality")
            )
        ),
    },
    spreads={
        "table1": "accuracies of which the text says neither how many runs they are over, nor the network, ε and "
        "recipe"
    },
    seeds=1,
    archs={name: (name, {}) for name in _ARCHS},
    datasets={"cifar10": "cifar10", "restricted_imagenet": "restricted_imagenet"},
    attacks={},
)
