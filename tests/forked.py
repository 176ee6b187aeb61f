"""Python processes that cost no seconds of importing: forked from one, a template, that has imported everything.

Each is a process of its own all the same, as `python -m NAME ...` or `python -c CODE ...` would be, with its
folder, environment, output and exit code, and with nobody's threads, patches or settings. What is about importing
itself, or about how a process begins and ends, needs a real one.
"""

from __future__ import annotations

import atexit
import fcntl
import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

_LARGEST = 1 << 17
"""Bytes of a request, which is mostly an environment."""

_NO_THREADS = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
"""What keeps libraries from starting threads when they are imported."""

_IMPORTED = (
    *("torch", "pandas", "matplotlib.pyplot", "sklearn.datasets", "pydantic"),
    *("analysis.parts", "hypo.command_line.worker"),
)
"""Not wandb: it has temporary folders from its import on, which each process is to have for itself."""


class Forked:
    """A process with `arguments`, as they would follow `python`; a context manager that kills what still runs.

    pass_fds: descriptors that it gets under the same numbers.
    """

    def __init__(
        self,
        *arguments: str,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        pass_fds: Sequence[int] = (),
    ) -> None:
        self._out, self._err = (tempfile.TemporaryFile() for _ in range(2))  # noqa: SIM115
        reading, writing = os.pipe()
        request = {
            "arguments": arguments,
            "cwd": str(cwd or Path.cwd()),
            "env": dict(os.environ if env is None else env),
            "numbers": list(pass_fds),
        }
        descriptors = [writing, self._out.fileno(), self._err.fileno(), *pass_fds]
        socket.send_fds(_template(), [json.dumps(request).encode()], descriptors)
        os.close(writing)
        self._report = os.fdopen(reading, "rb")
        self.pid = int(self._report.readline())
        self.returncode: int | None = None

    def __enter__(self) -> Forked:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        for file in (self._report, self._out, self._err):
            file.close()

    def poll(self) -> int | None:
        """The exit code, -N after signal N; None while it runs."""
        return self._code(0)

    def wait(self, timeout: float = 100) -> int:
        """The exit code, after at most `timeout` seconds."""
        code = self._code(timeout)
        if code is None:
            raise subprocess.TimeoutExpired("forked", timeout)
        return code

    def send_signal(self, number: signal.Signals) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """Have it gone, whatever it is doing."""
        self.send_signal(signal.SIGKILL)
        self.wait()

    @property
    def out(self) -> str:
        """What it has printed to standard output by now."""
        return _content(self._out)

    @property
    def err(self) -> str:
        """What it has printed to standard error by now."""
        return _content(self._err)

    def _code(self, timeout: float) -> int | None:
        if self.returncode is None and select.select([self._report], [], [], timeout)[0]:
            self.returncode = int(self._report.readline())
        return self.returncode


def _content(file: Any) -> str:
    # The descriptor is shared with who writes: its position stays where it is.
    return os.pread(file.fileno(), os.fstat(file.fileno()).st_size, 0).decode()


@cache
def _template() -> socket.socket:
    """Our end of the connection to the template, which ends with this process."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    for end in (ours, theirs):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _LARGEST)
    template = subprocess.Popen(
        [sys.executable, __file__, str(theirs.fileno())],
        pass_fds=[theirs.fileno()],
        env={**os.environ, **_NO_THREADS},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    theirs.close()
    atexit.register(lambda: (ours.close(), template.wait()))
    return ours


def _serve(connection: socket.socket) -> tuple[dict[str, Any], list[int]] | None:
    """Fork for every request; returns it and what came with it in the child, and None when there are no more."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody asks how the watching ones end
    while True:
        message, descriptors, _, _ = socket.recv_fds(connection, _LARGEST, 100)
        if not message:
            return None
        if os.fork():
            for descriptor in descriptors:
                os.close(descriptor)
            continue
        connection.close()
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        if child := os.fork():
            _watch(child, descriptors)
        return json.loads(message), descriptors


def _watch(child: int, descriptors: Sequence[int]) -> NoReturn:
    """Report a child's id and, when it has ended, its exit code; hold nothing open that is the child's."""
    report, *others = descriptors
    for descriptor in others:
        os.close(descriptor)
    os.write(report, f"{child}\n".encode())
    _, status = os.waitpid(child, 0)
    os.write(report, f"{os.waitstatus_to_exitcode(status)}\n".encode())
    os._exit(0)


def _become(request: Mapping[str, Any], descriptors: Sequence[int]) -> NoReturn:
    """Be the process that was asked for."""
    report, *others = descriptors
    os.close(report)
    numbers = [1, 2, *request["numbers"]]
    safe = [fcntl.fcntl(descriptor, fcntl.F_DUPFD, 1 + max(*numbers, *others)) for descriptor in others]
    for descriptor in others:
        os.close(descriptor)
    for descriptor, number in zip(safe, numbers, strict=True):
        os.dup2(descriptor, number)
        os.close(descriptor)
    os.environ.clear()
    os.environ.update(request["env"])
    os.chdir(request["cwd"])
    tempfile.tempdir = None  # it is asked for anew
    here = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path not in sys.path]
    sys.path[0:1] = [request["cwd"], *filter(None, here)]  # in the place of this file's folder
    kind, what, *arguments = request["arguments"]
    sys.argv = [kind, *arguments]
    code: Any = 0
    try:
        if kind == "-m":
            runpy.run_module(what, run_name="__main__", alter_sys=True)
        else:
            exec(compile(what, "<string>", "exec"), {"__name__": "__main__"})
    except SystemExit as stop:
        code = stop.code or 0
        if isinstance(code, str):
            print(code, file=sys.stderr)
            code = 1
    except BaseException:
        traceback.print_exc()
        code = 1
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # taking all that was imported apart would take a second


def _main() -> None:
    for name in _IMPORTED:
        importlib.import_module(name)
    assert threading.active_count() == 1, "what other threads hold would be held for ever after a fork"
    gc.freeze()  # or the first collection in each process would copy the memory that they share
    with socket.socket(fileno=int(sys.argv[1])) as connection:
        asked = _serve(connection)
    if asked is not None:
        _become(*asked)


if __name__ == "__main__":
    _main()
