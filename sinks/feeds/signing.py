"""The secrets of webhooks, and the signature by which a receiver knows that it was us: the Standard Webhooks scheme.

A secret is a file of whoever registers and whoever sends, ``<keys>/webhooks/<endpoint>.secret``, which nobody else may
read. It is shown once, to be handed to the company, and is in no table and no log.
"""

from __future__ import annotations

import base64
import os
import secrets
from typing import TYPE_CHECKING

from standardwebhooks import Webhook as Signer

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from pathlib import Path

_PREFIX = "whsec_"
_BYTES = 32  # the scheme asks for 24 to 64
_KEPT = 2


class NoSecretError(Exception):
    """An endpoint's secret is not where it should be; the message says where."""


def secret_path(keys: Path, endpoint: str) -> Path:
    """Where an endpoint's secret is."""
    return keys / "webhooks" / f"{endpoint}.secret"


def new_secret() -> str:
    """A secret as the scheme writes it."""
    return _PREFIX + base64.b64encode(secrets.token_bytes(_BYTES)).decode()


def write_secret(path: Path, secret: str) -> None:
    """Keep a secret; the one before goes on being signed with beside it, until the next, so that none is missed."""
    before = read_secrets(path) if path.exists() else []
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = path.with_suffix(".new")
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="ascii") as file:
        file.write("".join(f"{one}\n" for one in [secret, *before][:_KEPT]))
    temporary.replace(path)


def read_secrets(path: Path) -> list[str]:
    """An endpoint's secrets, the newest first.

    Raises:
        NoSecretError: there is none.
    """
    try:
        found = path.read_text(encoding="ascii").split()
    except (OSError, UnicodeDecodeError) as error:
        raise NoSecretError(f"the secret {path} cannot be read: `guldadra webhooks rotate` makes another") from error
    if not found:
        raise NoSecretError(f"the secret {path} is empty: `guldadra webhooks rotate` makes another")
    return found


def signed(found: Sequence[str], event: str, at: datetime, body: bytes) -> dict[str, str]:
    """The headers of a delivery.

    Args:
        found: the endpoint's secrets; each signs.
        event: the event's id: the same for each attempt.
        at: when it is sent, in UTC.
        body: what is sent.
    """
    signatures = (Signer(secret).sign(event, at, body.decode()) for secret in found)
    return {
        "webhook-id": event,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(signatures),
    }
