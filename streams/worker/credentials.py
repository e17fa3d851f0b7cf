"""librdkafka's settings as Faust's: the same cluster, reached in the same way."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

from faust.auth import SASLCredentials, SSLCredentials

if TYPE_CHECKING:
    from collections.abc import Mapping

    from faust.types.auth import CredentialsT

_SERVERS = "bootstrap.servers"
_PROTOCOL = "security.protocol"
_PROTOCOLS = ("plaintext", "ssl", "sasl_plaintext", "sasl_ssl")
_MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
_TRANSLATED = {
    _SERVERS,
    "metadata.broker.list",
    _PROTOCOL,
    "sasl.mechanism",
    "sasl.mechanisms",
    "sasl.username",
    "sasl.password",
    "ssl.ca.location",
    "ssl.certificate.location",
    "ssl.key.location",
    "ssl.key.password",
    "ssl.endpoint.identification.algorithm",
    "enable.ssl.certificate.verification",
}
_OF_SECURITY = ("sasl.", "ssl.", "enable.ssl", "security.", "enable.sasl")


class CredentialsError(ValueError):
    """A setting that Faust's client has no counterpart for, or that contradicts another."""


def brokers_of(kafka: Mapping[str, str | int | bool]) -> str:
    """The brokers, as Faust wants them: ``kafka://one:9092;kafka://other:9092``.

    Raises:
        CredentialsError: there are none.
    """
    servers = str(kafka.get(_SERVERS) or kafka.get("metadata.broker.list") or "")
    names = [name.strip().split("://")[-1] for name in servers.split(",") if name.strip()]
    if not names:
        raise CredentialsError(f"no {_SERVERS}")
    return ";".join(f"kafka://{name}" for name in names)


def credentials_of(kafka: Mapping[str, str | int | bool]) -> CredentialsT | None:
    """How to be let in; None where anybody is.

    Settings that have nothing to do with security are librdkafka's own affair and are left out.

    Raises:
        CredentialsError: it cannot be said to Faust's client.
    """
    unknown = sorted(name for name in kafka if name.startswith(_OF_SECURITY) and name not in _TRANSLATED)
    if unknown:
        raise CredentialsError(f"{unknown[0]} cannot be passed on to Faust's Kafka client")
    protocol = str(kafka.get(_PROTOCOL, "plaintext")).lower()
    if protocol not in _PROTOCOLS:
        raise CredentialsError(f"{_PROTOCOL}={protocol} is none of {', '.join(_PROTOCOLS)}")
    context = _context(kafka) if protocol.endswith("ssl") else None
    if protocol.startswith("sasl"):
        mechanism = str(kafka.get("sasl.mechanism", kafka.get("sasl.mechanisms", "GSSAPI")))
        if mechanism not in _MECHANISMS:
            raise CredentialsError(f"sasl.mechanism={mechanism} is none of {', '.join(_MECHANISMS)}")
        name, password = kafka.get("sasl.username"), kafka.get("sasl.password")
        if name is None or password is None:
            raise CredentialsError(f"sasl.mechanism={mechanism} needs sasl.username and sasl.password")
        return SASLCredentials(username=str(name), password=str(password), mechanism=mechanism, ssl_context=context)
    return None if context is None else SSLCredentials(context)


def _context(kafka: Mapping[str, str | int | bool]) -> ssl.SSLContext:
    """Raises ``CredentialsError`` where a file cannot be read."""
    authorities = kafka.get("ssl.ca.location")
    certificate, key = kafka.get("ssl.certificate.location"), kafka.get("ssl.key.location")
    password = kafka.get("ssl.key.password")
    try:
        context = ssl.create_default_context(cafile=None if authorities in (None, "probe") else str(authorities))
        if certificate is not None:
            context.load_cert_chain(
                str(certificate), None if key is None else str(key), None if password is None else str(password)
            )
    except OSError as error:  # ssl.SSLError is one
        raise CredentialsError(f"the certificates of ssl.… cannot be read: {error}") from error
    if not _is_on(kafka.get("ssl.endpoint.identification.algorithm", "https")):
        context.check_hostname = False
    if not _is_on(kafka.get("enable.ssl.certificate.verification", True)):
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _is_on(value: object) -> bool:
    return str(value).lower() not in ("false", "none", "0")
