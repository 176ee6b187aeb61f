"""What each figure of the papers is made of, and what draws it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from analysis.curves.figures import (
    accuracy_bars,
    black_box_bars,
    capacity_panels,
    epsilon_panels,
    robust_data,
    success_by_target,
    tradeoff_panels,
    transfer_against_accuracy,
)
from analysis.curves.figures.paper_figure import PaperFigure
from analysis.paper.published import PublishedRow, rows_of, table


def _five_models() -> list[PublishedRow]:
    """ResNet-18 on each kind of training data of Table 5."""
    return [replace(row, setting={**row.setting, "arch": "resnet18"}) for row in table("tao2022/table5")]


def _targets(number: int, training_data: str) -> PaperFigure:
    return PaperFigure(
        takes="defense=pgd_at and trades with lambda=6, "
        f"training_data={training_data}, measurement=[targeted] in ℓ∞",
        rows=partial(table, f"tao2022/figure{number}"),
        draw=partial(success_by_target.figure, training_data=training_data),
        finding="targeted",
    )


def _tradeoff(name: str, training_data: str, y: str, *tables: int, evaluation: str = "pgd20") -> PaperFigure:
    grid = "defense=thrm and trades, lambda=0,1,5,...,100"
    return PaperFigure(
        takes=f"{grid}, training_data={training_data}, evaluation={evaluation} in ℓ∞",
        rows=partial(table, name),
        draw=partial(tradeoff_panels.figure, y=y, tables=[f"tao2022/table{number}" for number in tables]),
        evaluations=(evaluation,),
    )


FIGURES: Mapping[str, PaperFigure] = {
    "tao2022/figure2": PaperFigure(
        takes=f"defense=standard, training_data={', '.join(accuracy_bars.TRAINING_DATA)}, evaluation=pgd20 in ℓ∞",
        rows=_five_models,
        draw=accuracy_bars.figure,
    ),
    "tao2022/figure3": _targets(3, "quality"),
    "tao2022/figure4": _tradeoff("tao2022/figure4", "quality", "R_hyp_minus", 10, 11, 12),
    "tao2022/figure5": _targets(5, "poisoning"),
    "tao2022/figure6": _tradeoff("tao2022/figure6", "poisoning", "R_hyp_minus", 13),
    "tao2022/figure7": _tradeoff("tao2022/figure7", "quality", "R_adv", 10, 11, 12),
    "tao2020/figure3": _tradeoff("tao2020/figure3", "quality", "R_hyp_minus", evaluation="pgd50_restarts20"),
    "tao2020/figure6": _tradeoff("tao2020/figure6", "quality", "R_hyp_minus", evaluation="pgd50_restarts20"),
    "ilyas2019/figure2": PaperFigure(
        takes="defense=standard with training_data=quality, non_robust and robust, and defense=pgd_at with "
        "training_data=quality, measurement=[epsilon_curve] in ℓ2",
        rows=partial(rows_of, "ilyas2019/figure2"),
        draw=robust_data.figure,
        finding=robust_data.FINDING,
        evaluations=(),
    ),
    "ilyas2019/figure3": PaperFigure(
        takes="defense=standard with training_data=det, and with training_data=quality and measurement=[transfer] "
        "in ℓ2, of several arch",
        rows=partial(rows_of, "ilyas2019/figure3"),
        draw=transfer_against_accuracy.figure,
        evaluations=(),
    ),
    "lecture/figure10": PaperFigure(
        takes=f"defense={', '.join(capacity_panels.DEFENSES)}, arch=lenet of several arch.width, evaluation=fgsm "
        "and pgd20 in ℓ∞",
        rows=partial(rows_of, "lecture/figure10"),
        draw=capacity_panels.figure,
        evaluations=("fgsm", "pgd20"),
    ),
    "lecture/figure12": PaperFigure(
        takes="defense=fgsm_at and ensemble_at, evaluation=fgsm, measurement=[transfer] in ℓ∞",
        rows=partial(rows_of, "lecture/figure12"),
        draw=black_box_bars.figure,
        finding=black_box_bars.FINDING,
        evaluations=("fgsm",),
    ),
    "lecture/figure13": PaperFigure(
        takes="defense=pgd_at, measurement=[epsilon_curve,epsilon_curve_l2] in ℓ∞",
        rows=partial(rows_of, "lecture/figure13"),
        draw=epsilon_panels.figure,
        finding="epsilon_curve",
        evaluations=(),
    ),
}

ELSEWHERE: Mapping[str, str] = {
    **{f"tao2022/figure{number}": "toy example2" for number in range(9, 13)},
    "tao2022/figure8": "toy example1",
    **dict.fromkeys(("tao2020/figure1", "tao2020/figure4", "tao2020/figure5"), "examples RUN"),
    **dict.fromkeys(("tao2020/figure7", "tao2020/figure8"), "transfer RUN RUN ..."),
    "tao2020/figure2": "toy example1",
    **{f"tao2020/figure{number}": "toy example2" for number in range(9, 13)},
    "ilyas2019/figure4": "toy gaussian",
}
"""Figures that another part of `python -m analysis` draws."""
