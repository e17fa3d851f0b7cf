"""Signatures of deliveries, against the library of the scheme and its text, by hand; and where secrets are."""

from __future__ import annotations

import base64
import hashlib
import hmac
import stat
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from sinks.feeds.signing import NoSecretError, new_secret, read_secrets, secret_path, signed, write_secret

if TYPE_CHECKING:
    from pathlib import Path

BODY = '{"id":"1","text":"Älva"}'.encode()


def test_a_receiver_s_library_takes_what_was_signed_and_nothing_else() -> None:
    secret = new_secret()
    headers = signed([secret], "event-1", datetime.now(UTC), BODY)
    assert Webhook(secret).verify(BODY, headers)["text"] == "Älva"
    for other in (
        (new_secret(), BODY, headers),
        (secret, BODY + b" ", headers),
        (secret, BODY, {**headers, "webhook-id": "event-2"}),
        (secret, BODY, {**headers, "webhook-timestamp": str(int(headers["webhook-timestamp"]) - 1)}),
    ):
        with pytest.raises(WebhookVerificationError):
            Webhook(other[0]).verify(other[1], other[2])


def test_the_signature_is_what_the_scheme_s_text_says() -> None:
    """https://www.standardwebhooks.com: base64(HMAC-SHA256(key, id.timestamp.body)), ``v1,`` before it."""
    key = bytes(range(32))
    secret = "whsec_" + base64.b64encode(key).decode()
    headers = signed([secret], "event-1", datetime(2023, 11, 14, 22, 13, 20, 999_000, UTC), BODY)
    assert headers["webhook-timestamp"] == "1700000000"
    by_hand = hmac.new(key, b"event-1.1700000000." + BODY, hashlib.sha256).digest()
    assert headers["webhook-signature"] == "v1," + base64.b64encode(by_hand).decode()


def test_while_a_secret_is_changed_both_sign(tmp_path: Path) -> None:
    path = secret_path(tmp_path, "wh-1")
    made = [new_secret() for _ in range(3)]
    for secret in made:
        write_secret(path, secret)
    assert read_secrets(path) == [made[2], made[1]]
    headers = signed(read_secrets(path), "event-1", datetime.now(UTC), BODY)
    for secret in made[1:]:
        Webhook(secret).verify(BODY, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(made[0]).verify(BODY, headers)


def test_nobody_else_on_the_machine_can_read_a_secret(tmp_path: Path) -> None:
    path = secret_path(tmp_path, "wh-1")
    write_secret(path, new_secret())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [one.name for one in path.parent.iterdir()] == ["wh-1.secret"]


def test_secrets_are_long_and_never_the_same() -> None:
    made = {new_secret() for _ in range(100)}
    assert len(made) == 100
    assert {len(base64.b64decode(one.removeprefix("whsec_"))) for one in made} == {32}


@pytest.mark.parametrize("content", [None, b"", b"\n", b"\xff"])
def test_a_secret_that_is_not_there_is_told_with_what_to_do(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "one.secret"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(NoSecretError, match="guldadra webhooks rotate"):
        read_secrets(path)
