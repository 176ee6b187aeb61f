"""Runs with a history whose settings name a W&B project, and the command that is tried on them."""

from __future__ import annotations

import json
import os
from pathlib import Path

from fake_runs import add_sweep, make_run
from forked import Forked
from wandb_server import WandbServer

HISTORY = "epoch,learning_rate,loss,clean_accuracy,perturbed_accuracy,seconds\n"
EPOCHS = [f"{epoch},0.01,{1 / epoch!r},0.5,nan,0.1\n" for epoch in range(1, 6)]


def command(
    server: WandbServer | str,
    *arguments: object,
    key: str = "a" * 40,
    entity: str | None = None,
    patience: int | None = None,
) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of `python -m analysis ...`.

    patience: the seconds after which W&B gives up on a request.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith("WANDB_")}
    environment |= {"WANDB_ENTITY": entity} if entity else {}
    environment |= {"WANDB_HTTP_TIMEOUT": str(patience)} if patience else {}
    url = server if isinstance(server, str) else server.url
    environment |= {"WANDB_BASE_URL": url, "WANDB_API_KEY": key, "WANDB_ERROR_REPORTING": "false"}
    with Forked("-m", "analysis", *map(str, arguments), env=environment) as process:
        return process.wait(200), process.out, process.err


def make_tracked(outputs: Path, seed: int, epochs: int = 5, state: str = "done") -> Path:
    """A run directory whose settings name a W&B project, with a history."""
    tracked = {"mode": "offline", "project": "hypo", "entity": None}
    run = make_run(outputs, "thrm", 5, seed, state=state, R_nat=0.04, R_hyp_minus=0.8, undefined=None)
    text = (run / "config.yaml").read_text().replace("tracking: offline", f"tracking: {json.dumps(tracked)}")
    (run / "config.yaml").write_text(text)
    (run / "history.csv").write_text(HISTORY + "".join(EPOCHS[:epochs]))
    return run


def make_all(outputs: Path) -> Path:
    """A run that is done, one that failed after three epochs, one that is running, and the sweep of the first."""
    add_sweep(outputs, "a-sweep", [make_tracked(outputs, 0).name])
    make_tracked(outputs, 1, epochs=3, state="failed")
    make_tracked(outputs, 2, epochs=2, state="running")
    return outputs
