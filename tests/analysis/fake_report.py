"""Run directories with all that a report shows: metrics, history, pictures and one of each misfortune."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from fake_findings import add_finding
from fake_runs import make_run

from hypo.measurements.pictures import Example, sheet

HEADER = "epoch,learning_rate,loss,clean_accuracy,perturbed_accuracy,seconds\n"


def add_files(run: Path, epochs: int = 5, size: int = 8, channels: int = 1) -> None:
    """Give `run` a history, pictures of four hidden mistakes, an environment and an attempt."""
    rows = (f"{at},0.00{at},{1 / at!r},{1 - 0.5 / at!r},nan,0.5" for at in range(1, epochs + 1))
    (run / "history.csv").write_text(HEADER + "\n".join(rows) + "\n")
    random = torch.Generator().manual_seed(0)
    clean = torch.rand((4, channels, size // 4, size // 4), generator=random)
    clean = torch.nn.functional.interpolate(clean, size=size, mode="bilinear")
    changes = 8 / 255 * torch.sign(torch.randn((4, channels, size, size), generator=random))
    shown = [
        Example(image, image + change, "cat", "dog", "cat") for image, change in zip(clean, changes, strict=True)
    ]
    (run / "measurements" / "pictures").mkdir(parents=True)
    (run / "measurements" / "pictures" / "hidden.png").write_bytes(sheet(shown))
    if (run / "result.json").exists():
        add_finding(run, "pictures", "Pictures", pictures={"hidden": "mistakes that a false friend hid"})
    (run / "environment.json").write_text(json.dumps({"schema": 2, "torch": "2.15.0", "device": "a small one"}))
    status = json.loads((run / "status.json").read_text())
    attempt = {
        "started_at": "2026-11-21T06:00",
        "ended_at": "2026-11-21T06:01",
        "host": "node-7",
        "outcome": "done",
        "usage": {"seconds": 60, "peak_memory": 3 * 2**30, "gpu_utilisation": 0.875},
    }
    (run / "status.json").write_text(json.dumps({**status, "attempts": [attempt]}))


def make_outputs(outputs: Path) -> Path:
    """THRM and TRADES at three λ with two seeds, one run at another ε, one that failed, one with a nasty name."""
    for defense, shift in (("thrm", 0.0), ("trades", 0.02)):
        for lambda_, natural, hidden in ((1, 0.03, 0.9), (10, 0.05, 0.8), (100, 0.08, 0.6)):
            for seed in (0, 1):
                values = {"R_nat": natural + shift + seed / 1000, "R_hyp_minus": hidden - shift - seed / 100}
                add_files(make_run(outputs, defense, lambda_, seed, D=1 - values["R_nat"], **values))
    add_files(make_run(outputs, "thrm", 5, 3, epsilon=0.2, R_nat=0.11, R_hyp_minus=0.44))
    reason = {"state": "failed", "reason": "diverged: <b>loss</b> is nan"}
    make_run(outputs, "trades", 1000, 0, state="failed", status=reason)
    nasty = "<script>document.title='taken'</script>"
    add_files(make_run(outputs, nasty, 2, 0, R_nat=0.04, R_hyp_minus=0.85))
    return outputs
