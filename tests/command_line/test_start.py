"""What a run has imported when its first epoch begins."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

UP_TO_THE_FIRST_EPOCH = """
import os, sys
import torch
before = set(sys.modules)
from hypo import run
from hypo.training import loop

def end(*_, **__):
    print(*set(sys.modules) - before, flush=True)
    os._exit(0)

loop.train = end
run.main()
"""

HEAVY = {
    *("PIL", "IPython", "foolbox", "matplotlib", "pandas", "pyarrow", "safetensors.numpy", "scipy", "sklearn"),
    *("submitit", "sympy", "torch._dynamo", "torch._inductor", "torch.utils.flop_counter", "torchvision"),
    *("transformers", "triton", "wandb"),
    *("analysis", "launchers", "hypo.auditing", "hypo.migrate"),
}
"""Each takes from a tenth of a second to several to import, or is for commands of another kind."""


def test_a_run_imports_nothing_heavy_that_it_does_not_use(tmp_path: Path) -> None:
    finished = subprocess.run(
        [sys.executable, "-c", UP_TO_THE_FIRST_EPOCH, "tracking=disabled"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    imported = set(finished.stdout.splitlines()[-1].split())
    assert {"hydra", "hypo.training.recipe"} <= imported
    assert imported & HEAVY == set()
