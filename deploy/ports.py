"""Ports for servers that are restarted on the same address."""

import contextlib
import random
import socket
from pathlib import Path

HOST = "127.0.0.1"
LOWEST = 10_000
EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")


def stable_ports(count: int) -> list[int]:
    """Free ports below the range that the kernel takes a connection's own port from.

    While a killed broker is down its port is free, and its clients keep connecting. In the ephemeral range one of them
    could be given that very port, and the broker could not come back.

    Args:
        count: How many, all different.

    Raises:
        OSError: There are not so many.
    """
    highest = int(EPHEMERAL.read_text().split()[0])
    candidates = list(range(LOWEST, highest))
    random.SystemRandom().shuffle(candidates)
    ports: list[int] = []
    for port in candidates:
        if len(ports) == count:
            return ports
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind((HOST, port))
            ports.append(port)
    raise OSError(f"no {count} free ports on {HOST} from {LOWEST} to {highest - 1} (the start of the ephemeral range)")
