"""A message sent to a partner by AS2: sent once its signed receipt says that it arrived as it was.

| what happens | what is known |
|---|---|
| no connection, a redirect, a refusal by HTTP, a certificate out of time | nothing has left: ``NotSentError`` |
| a signed receipt that says why it was not taken | likewise |
| a signed receipt with the right digest, or that it is a duplicate | sent |
| the connection breaks; a receipt that is unsigned, of other bytes or of another message; an error of the server | \
unknown: ``UnknownOutcomeError`` |
| the receipt comes later | unknown until then: ``ReceiptPendingError`` |
"""

from __future__ import annotations

from email.utils import format_datetime
from typing import TYPE_CHECKING

import httpx2

from sinks.agency.as2.ends import is_in_force
from sinks.agency.as2.entity import Entity, entity
from sinks.agency.as2.errors import ReceiptPendingError, RefusedMessageError, UnknownOutcomeError
from sinks.agency.as2.message import own_id, posted
from sinks.agency.as2.receipt import is_receipt, read_receipt
from sinks.agency.gateway import MESSAGE_ID, NotSentError

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from sinks.agency.as2.ends import OwnEnd, Partner
    from sinks.agency.as2.receipt import Receipt
    from sinks.agency.gateway import Outgoing

LARGEST_RECEIPT = 1 << 20
"""In bytes."""
_MAYBE_TAKEN = (408, 409, 425)
"""Answers by which a server of the kind 4xx may have taken what was posted, or be about to."""


class As2Transport:
    """See the module; a ``Transport``.

    Args:
        end: ours.
        partner: the addressee.
        client: posts; it follows no redirects, and its time-outs are its own.
        keep: keeps a receipt's bytes for good, under the message id; they prove what the partner has.
        clock: the present moment, aware of its zone.
    """

    dry = False

    def __init__(
        self,
        end: OwnEnd,
        partner: Partner,
        client: httpx2.Client,
        keep: Callable[[str, bytes], None],
        clock: Callable[[], datetime],
    ) -> None:
        self._end = end
        self._partner = partner
        self._client = client
        self._keep = keep
        self._clock = clock

    def send(self, message: Outgoing) -> None:
        """Post a message; the same again goes under the same id, by which the partner knows it.

        Raises:
            NotSentError: the partner does not have it.
            UnknownOutcomeError: it may have it.
        """
        now = self._clock()
        if not MESSAGE_ID.fullmatch(message.message_id):
            raise NotSentError("the message id is none that a message may have on the way")
        for whose, certificate in (("our own", self._end.certificate), ("the partner's", self._partner.opens_with)):
            if not is_in_force(certificate, now):
                raise NotSentError(f"{whose} certificate is not in force")
        what = posted(message, self._end, self._partner, format_datetime(now))
        status, answer = self._post(dict(what.headers), what.body)
        self._judge(status, answer, message)

    def _post(self, headers: dict[str, str], body: bytes) -> tuple[int, Entity]:
        try:
            with self._client.stream(
                "POST", self._partner.url, content=body, headers=headers, follow_redirects=False
            ) as response:
                content = b""
                for chunk in response.iter_bytes():
                    content += chunk
                    if len(content) > LARGEST_RECEIPT:
                        raise UnknownOutcomeError(f"{self._partner.name}: the receipt is too large to be one")
                return response.status_code, Entity(dict(response.headers.items()), content)
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.UnsupportedProtocol, httpx2.InvalidURL) as error:
            raise NotSentError(f"{self._partner.name}: no connection ({type(error).__name__})") from error
        except httpx2.HTTPError as error:
            raise UnknownOutcomeError(f"{self._partner.name}: the connection broke ({type(error).__name__})") from error

    def _judge(self, status: int, answer: Entity, message: Outgoing) -> None:
        if 300 <= status < 500 and status not in _MAYBE_TAKEN:  # noqa: PLR2004 - redirects and refusals
            raise NotSentError(f"{self._partner.name} answered HTTP {status}")
        if not 200 <= status < 300:  # noqa: PLR2004 - success
            raise UnknownOutcomeError(f"{self._partner.name} answered HTTP {status}")
        try:
            if self._partner.receipts == "async" and not is_receipt(answer):
                raise ReceiptPendingError(f"{self._partner.name} has the message, and will send its receipt")
            receipt = read_receipt(answer, self._partner, self._clock())
        except RefusedMessageError as error:
            raise UnknownOutcomeError(f"{self._partner.name}: {error}") from error
        settle(receipt, message, self._end)
        self._keep(message.message_id, entity(answer.headers.items(), answer.body))


def settle(receipt: Receipt, message: Outgoing, end: OwnEnd) -> None:
    """Whether a receipt says that a message arrived; returns where it does.

    Raises:
        NotSentError: it says that the partner did not take it.
        UnknownOutcomeError: it is of another message, or of other bytes.
    """
    if own_id(receipt.message_id, end) != message.message_id:
        raise UnknownOutcomeError("the receipt is of another message")
    if not receipt.accepted:
        raise NotSentError(f"the addressee did not take it: {receipt.disposition}")
    if not receipt.is_of(message):
        raise UnknownOutcomeError("what arrived is not what was sent: integrity-check-failed")
