"""Slurm's accounting for a throw-away cluster, so that `sacct` works: slurmdbd on a MariaDB of its own."""

from __future__ import annotations

import socket
import subprocess
from pathlib import Path

TOOLS = ("slurmdbd", "mariadbd", "mariadb-install-db")


def write_configuration(folder: Path, slurmdbd_port: int, database_port: int) -> str:
    """Write slurmdbd.conf into `folder`; returns the lines for its slurm.conf."""
    configuration = folder / "slurmdbd.conf"
    configuration.touch(mode=0o600)  # slurmdbd refuses to read it when others may
    configuration.write_text(f"""\
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
DbdHost=localhost
DbdPort={slurmdbd_port}
SlurmUser=root
PidFile={folder}/slurmdbd.pid
StorageType=accounting_storage/mysql
StorageHost=127.0.0.1
StoragePort={database_port}
StorageUser=root
StorageLoc=slurm
""")
    return f"""\
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=localhost
AccountingStoragePort={slurmdbd_port}
AccountingStoragePass={folder}/munge.socket
"""


def database(folder: Path, port: int) -> list[str]:
    """Make an empty database in `folder`; returns the command that serves it on loopback, to whoever asks."""
    data, scratch = folder / "database", folder / "database.tmp"
    scratch.mkdir()
    # A server that starts deletes every temporary table in its tmpdir, another server's too.
    own = ["--no-defaults", "--user=root", f"--datadir={data}", f"--tmpdir={scratch}"]
    made = subprocess.run(
        ["mariadb-install-db", *own, "--skip-test-db", "--skip-name-resolve"], capture_output=True, text=True
    )
    if made.returncode:
        raise RuntimeError(f"mariadb-install-db: {made.stdout}{made.stderr}")
    return [
        "mariadbd",
        *own,
        f"--port={port}",
        "--bind-address=127.0.0.1",
        f"--socket={data}/socket",
        f"--pid-file={data}/pid",
        "--skip-grant-tables",
        "--innodb-buffer-pool-size=64M",
        "--innodb-lock-wait-timeout=900",  # slurmdbd insists
        "--innodb-flush-log-at-trx-commit=0",  # nothing in it has to survive
    ]


def answers(port: int) -> bool:
    """Whether something listens on `port` of this machine."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
