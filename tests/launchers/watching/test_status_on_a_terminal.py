"""`python -m launchers.status` on a real terminal: what fits, what is redrawn, how it is left."""

from __future__ import annotations

import errno
import os
import pty
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from submitted_sweep import SlurmWithJobs, SubmittedSweep, queued

STATUS = """
import sys
from launchers import status
status._SECONDS = 0.2  # between two looks
sys.exit(status.main())
"""


class Terminal:
    """The command on a terminal of a given width."""

    def __init__(self, width: int, *arguments: str) -> None:
        self._terminal, inner = pty.openpty()
        colours = ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE")
        environment = {key: value for key, value in os.environ.items() if key not in colours}
        self.process = subprocess.Popen(
            [sys.executable, "-c", STATUS, *arguments],
            stdin=inner,
            stdout=inner,
            stderr=inner,
            env=environment | {"COLUMNS": str(width), "LINES": "20", "TERM": "xterm-256color"},
            start_new_session=True,
        )
        os.close(inner)
        self._read = b""

    def read_until(self, text: str) -> None:
        """Read on until `text` has appeared."""
        while text not in self.text and self._more():
            pass
        assert text in self.text

    def code(self) -> int:
        """The exit code, when it has ended."""
        while self._more():
            pass
        os.close(self._terminal)
        return self.process.wait(60)

    @property
    def text(self) -> str:
        """What was printed so far."""
        return self._read.decode(errors="replace")

    @property
    def lines(self) -> list[str]:
        """What was printed, without colours."""
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self.text).splitlines()

    def _more(self) -> bool:
        try:
            read = os.read(self._terminal, 4096)
        except OSError as error:  # what Linux says when the other side has ended
            if error.errno != errno.EIO:
                raise
            return False
        self._read += read
        return bool(read)


@pytest.fixture
def many(slurm: SlurmWithJobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SubmittedSweep:
    """Ten runs, one of them running."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[3]))
    names = [
        f"digits-mlp-{defense}-lambda{number}-linf0.1-s0" for defense in ("thrm", "trades") for number in range(5)
    ]
    sweep = SubmittedSweep(tmp_path / "outputs", names)
    submission = sweep.submit()
    sweep.status("failed", 1, [sweep.attempt(submission)], reason="diverged: " + "loss " * 20, cause="diverged")
    sweep.status("running", 8, [sweep.attempt(submission)], epoch=4)
    sweep.beat(8, at=time.time() - 100)
    slurm.queue(queued(8, "RUNNING", node="n1"), *(queued(place, "PENDING", "Priority") for place in (2, 3, 4)))
    return sweep


@pytest.mark.parametrize("width", [100, 160])
def test_the_table_fits_the_terminal_with_a_row_for_each_run(width: int, many: SubmittedSweep) -> None:
    terminal = Terminal(width, str(many.folder))
    assert terminal.code() == 1
    assert "\x1b[" in terminal.text
    heading = terminal.lines.index(next(line for line in terminal.lines if line.startswith("state")))
    table = terminal.lines[
        heading : terminal.lines.index(next(line for line in terminal.lines if "10 runs:" in line))
    ]
    assert max(map(len, table)) <= width
    rows = [line.split()[1] for line in table[2:] if line[0] != " "]
    assert rows == [f"{defense}-lambda{number}" for defense in ("thrm", "trades") for number in range(5)]
    assert "".join(table).count("loss") == 20
    assert "digits-mlp-…-linf0.1-s0" in terminal.lines[0]


def test_watching_redraws_what_asks_for_attention_and_leaves_the_table(
    many: SubmittedSweep, slurm: SlurmWithJobs
) -> None:
    terminal = Terminal(100, str(many.folder), "--watch")
    terminal.read_until("Ctrl-C leaves")
    first = [line.split()[:2] for line in terminal.lines if line.startswith(("running", "failed"))]
    assert first == [["running", "trades-lambda3"], ["failed", "thrm-lambda1"]]
    slurm.queue()
    many.done(8)
    assert terminal.code() == 1
    counted = [line for line in terminal.lines if line.startswith("10 runs:")]
    assert "1 running" in counted[0]
    assert counted[-1] == "10 runs: 1 done, 1 failed (1 diverged), 8 missing"
    assert "--failed" in terminal.lines[-1]


def test_ctrl_c_leaves_the_watch_quietly(many: SubmittedSweep) -> None:
    terminal = Terminal(100, str(many.folder), "--watch")
    terminal.read_until("Ctrl-C leaves")
    terminal.process.send_signal(signal.SIGINT)
    assert terminal.code() == 130
    assert "Traceback" not in terminal.text
    assert "Aborted" not in terminal.text
