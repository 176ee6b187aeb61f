"""A run directory with all that an audit shows, as numbers that can be followed by hand."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fake_findings import add_finding, ask_for, curve, interval
from fake_report import add_files
from fake_runs import make_run

N, PLUS = 1000, 900
"""Test images, and how many of them are classified correctly."""

SEARCHES: Mapping[str, Mapping[str, int]] = {
    "attack": {"adv": 180, "hyp": 60, "sta": 70, "passes": 40_000},
    "margin": {"adv": 30, "hyp": 15, "sta": 10, "passes": 100_000},
    "square": {"adv": 0, "hyp": 5, "sta": 0, "passes": 20_000},
}

NASTY = "</script><script>document.title='taken'</script>"


def counts(plus: int = PLUS, broken: int = 210, hidden: int = 80, n: int = N) -> dict[str, tuple[int, int]]:
    """Every metric as a count of how many, for so many correct, broken and hidden ones."""
    minus = n - plus
    return {
        **{"D": (plus, n), "A": (plus - broken, n), "F": (plus + hidden, n), "R_nat": (minus, n)},
        **{"R_adv": (minus + broken, n), "R_adv_plus": (broken, plus)},
        **{"R_hyp": (plus + hidden, n), "R_hyp_minus": (hidden, minus), "R_hyp_bar_minus": (hidden, minus)},
        **{"R_sta": (broken + hidden, n), "R_sta_minus": (hidden, minus)},
        **{"G_adv": (broken, n), "G_hyp": (hidden, n)},
    }


def set_counts(run: Path, metrics: Mapping[str, tuple[int, int]]) -> Path:
    """Let the run's result have `metrics`, as of `counts`."""
    path = run / "result.json"
    result = json.loads(path.read_text())
    result |= {name: count / of if of else None for name, (count, of) in metrics.items()}
    result["counts"] |= {name: {"count": count, "of": of} for name, (count, of) in metrics.items()}
    result["intervals"] |= {name: interval(count, of) for name, (count, of) in metrics.items()}
    path.write_text(json.dumps(result))
    return run


def change(run: Path, **entries: Any) -> Path:
    """Put `entries` in the run's result."""
    path = run / "result.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | entries))
    return run


def add_classes(run: Path, **classes: tuple[int, int, int, int]) -> Path:
    """Say of each class how many images, correct, broken and hidden ones it has."""
    of = {name: counts(plus, broken, hidden, n) for name, (n, plus, broken, hidden) in classes.items()}
    names = ("D", "A", "F", "R_nat", "R_adv_plus", "R_hyp_minus")
    curves = [
        curve(metric, f"{metric} of the class", "true class", [(name, *by[metric]) for name, by in of.items()])
        for metric in names
    ]
    return add_finding(run, "classes", "Accuracies and risks by class", curves=curves)


def add_radii(run: Path, certified: bool = False) -> Path:
    """A, F and both risks at four radii; `certified` as well, as if all that is possible had been found."""
    radii = ((0.0, 0, 0), (0.05, 90, 40), (0.1, 210, 80), (0.2, 900, 100))
    points = {
        "A": [(radius, PLUS - broken, N) for radius, broken, _ in radii],
        "F": [(radius, PLUS + hidden, N) for radius, _, hidden in radii],
        "R_adv_plus": [(radius, broken, PLUS) for radius, broken, _ in radii],
        "R_hyp_minus": [(radius, hidden, N - PLUS) for radius, _, hidden in radii],
    }
    curves = [curve(name, f"{name} there", "ε of the attack, ℓ∞", each) for name, each in points.items()]
    if certified:
        curves += [{**each, "name": f"{each['name']}_certified"} for each in curves]
    return add_finding(run, "radius", "Over the radius", curves=curves)


def make_audited(outputs: Path) -> Path:
    """A run with three searches, radii, classes (one with a nasty name), pictures, and no sign of masking."""
    attack = {"_target_": "hypo.attacks.searches.projected_gradient.ProjectedGradient", "steps": 20, "restarts": 1}
    run = set_counts(make_run(outputs, config={"evaluation": {"attack": attack}}), counts())
    change(run, n=N, searches=SEARCHES)
    add_files(run)
    add_radii(run)
    classes = {"cat": (400, 380, 60, 15), "dog": (500, 440, 130, 50), NASTY: (100, 80, 20, 15)}
    add_classes(run, **classes, elk=(0, 0, 0, 0))
    signs = ("signs of gradient masking, of those looked for", None, 0, 7)
    by_attack = [("two steps", 20, 200), ("PGD-20", 50, 200)]
    broken = curve("broken", "correct predictions that are broken", "attack", by_attack)
    add_finding(run, "masking", "Gradient masking", shares={"masking_signs": signs}, curves=[broken])
    return ask_for(run, "radius", "classes", "masking", "pictures")
