"""Ports that no other cluster on this machine uses, held for as long as they are needed."""

from __future__ import annotations

import socket

# Below the range from which the system takes ports for outgoing connections (from 32768): a port stays free
# while its daemon is down for a while.
BLOCKS = range(20000, 32000, 50)


def claim(count: int) -> tuple[list[int], socket.socket]:
    """`count` free ports, and the claim on them: it lasts until the socket is closed or this process ends.

    The claim is a name in the system's abstract namespace, which only one process can hold and which leaves no
    file behind. Raises RuntimeError when every block is taken.
    """
    assert count <= BLOCKS.step
    for first in BLOCKS:
        held = socket.socket(socket.AF_UNIX)
        try:
            held.bind(f"\0hypo-test-slurm-{first}")
            for port in range(first, first + count):
                with socket.socket() as probe:
                    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    probe.bind(("", port))
        except OSError:
            held.close()
        else:
            return list(range(first, first + count)), held
    raise RuntimeError(f"no {count} free ports between {BLOCKS.start} and {BLOCKS.stop}")
