"""The columns that every frame of runs has, whatever was measured."""

from __future__ import annotations

from hypo.measurements.finding import RESERVED

IDENTITY = ("run_id", "name", "directory", "state", "reason", "command")
SETTINGS = ("dataset", "training_data", "arch", "defense", "lambda", "lambda_value", "norm", "epsilon")
HASHES = ("settings", "defense_settings")

LEADING = (*IDENTITY, *SETTINGS, "epsilon_value", "recipe", "evaluation", "seed", "measurement", *HASHES)
"""Those that come before the numbers."""

USAGE = ("peak_memory", "peak_gpu_memory", "gpu_utilisation")
"""What a run used of the machine: bytes, and a share in [0, 1]; not a number where nothing is known."""

FOUND = ("findings", "searches")
"""Those that hold mappings."""

METRICS = (
    "D",
    "A",
    "F",
    "R_nat",
    "R_adv",
    "R_adv_plus",
    "R_hyp",
    "R_hyp_minus",
    "R_hyp_bar_minus",
    "R_sta",
    "R_sta_minus",
    "G_adv",
    "G_hyp",
)
"""The fractions that every run measures."""


SYMBOLS = frozenset((*METRICS, "R_adv⁺", "R_hyp⁻", "R̄_hyp⁻", "R_sta⁻"))
"""How they are printed: a share that papers write the same is printed by its name."""


def ends(name: str) -> tuple[str, str, str]:
    """The columns of a fraction: its value, and the ends of its 95 % interval."""
    return name, f"{name}_lower", f"{name}_upper"


TAKEN = RESERVED.union(column for metric in METRICS for column in ends(metric))
"""What no share of a finding can be called, since a column, or an entry of the report's charts, is called so."""
