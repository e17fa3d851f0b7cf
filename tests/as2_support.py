"""Two ends of AS2 on this machine, with certificates of the test's own."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

import uvicorn
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from sinks.agency.as2.ends import OwnEnd, Partner

if TYPE_CHECKING:
    from collections.abc import Iterator

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
OURS, AGENCY, STRANGER = "GULDADRA TEST", "EXEMPELMYNDIGHETEN", "NOBODY"


@cache
def end(name: str, number: int = 0) -> OwnEnd:
    """An end with a key of its own; another number has another key."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return OwnEnd(name, f"{name.split(maxsplit=1)[0].lower()}.example", key, certificate(key, f"{name} {number}"))


def certificate(key: rsa.RSAPrivateKey, name: str, first: datetime = NOW, days: int = 30) -> x509.Certificate:
    """A key's certificate, signed by itself."""
    named = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = x509.CertificateBuilder(named, named, key.public_key(), x509.random_serial_number())
    in_force = builder.not_valid_before(first - timedelta(days=1)).not_valid_after(first + timedelta(days=days))
    identified = in_force.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    return identified.sign(key, hashes.SHA256())


def partner(of: OwnEnd, **said: Any) -> Partner:
    """An end as the other one knows it."""
    base: dict[str, Any] = {"name": of.name, "url": "http://127.0.0.1:9/as2"}
    return Partner(**{**base, "signs_with": (of.certificate,), "opens_with": of.certificate, **said})


@contextmanager
def serving(app: Any) -> Iterator[str]:
    """An application on loopback, at a port that the system chooses; its address."""
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_config=None, lifespan="off"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        deadline = time.monotonic() + 30
        while not server.started and time.monotonic() < deadline:
            time.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(30)
