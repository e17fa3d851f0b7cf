"""Our own end: what partners post is kept before they get their receipt, and counts once however often it comes."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, NamedTuple

from sinks.agency.as2.entity import Entity, entity
from sinks.agency.as2.errors import RefusedMessageError
from sinks.agency.as2.message import Posted, opened, unquoted
from sinks.agency.as2.receipt import RECEIVED, is_receipt, read_receipt, receipt_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime

    from sinks.agency.as2.ends import OwnEnd, Partner
    from sinks.agency.gateway import DirectoryGateway

_MESSAGE_ID = re.compile(r"<[!-;=?-~]{1,250}>")


class Incoming(NamedTuple):
    """A message that a partner has sent.

    Attributes:
        partner: its name.
        name: for a file: the same for the same message, and of no other.
        content_type: as the partner has it.
        content: as it was signed.
    """

    partner: str
    name: str
    content_type: str
    content: bytes


def kept_in(gateway: DirectoryGateway) -> Callable[[Incoming], None]:
    """Keeps messages among the answers of a gateway, where ``take_in`` finds those of its client too."""

    def keep(message: Incoming) -> None:
        try:
            gateway.arrive(message.name, message.content)
        except FileExistsError as error:
            raise RefusedMessageError("unexpected-processing-error", "another message came under this id") from error

    return keep


class Reply(NamedTuple):
    """What whoever posted is answered.

    Attributes:
        status: of HTTP.
        answer: headers and body.
        late: a receipt that is to be posted there instead.
        refused: why the message was not taken, for our own logs.
    """

    status: int
    answer: Posted
    late: tuple[str, Posted] | None = None
    refused: str | None = None


class ReceivingEnd:
    """See the module.

    Args:
        end: ours.
        partners: whose messages are taken.
        keep: keeps a message for good, the same again once; raises ``RefusedMessageError`` for another of that name.
        keep_receipt: keeps a partner's late receipt for good, as an entity's bytes.
        clock: the present moment, aware of its zone.
    """

    def __init__(
        self,
        end: OwnEnd,
        partners: Iterable[Partner],
        keep: Callable[[Incoming], None],
        keep_receipt: Callable[[bytes], None],
        clock: Callable[[], datetime],
    ) -> None:
        self._end = end
        self._partners = {one.name: one for one in partners}
        self._keep = keep
        self._keep_receipt = keep_receipt
        self._clock = clock

    def take(self, headers: Mapping[str, str], body: bytes) -> Reply:
        """Take in what was posted.

        Args:
            headers: of the request, by names in small letters.
            body: all of it.

        Raises:
            OSError: it could not be kept; then no receipt is given, and the partner sends it again.
        """
        whole = Entity(headers, body)
        partner = self._partners.get(unquoted(headers.get("as2-from")))
        if partner is None or unquoted(headers.get("as2-to")) != self._end.name:
            return _plain(403, "unknown-trading-relationship")
        try:
            if is_receipt(whole):
                read_receipt(whole, partner, self._clock())
                self._keep_receipt(entity(_kept_headers(headers), body))
                return Reply(204, Posted({}, b""))
        except RefusedMessageError as error:
            return _plain(400, error.disposition, str(error))
        if not _MESSAGE_ID.fullmatch(headers.get("message-id", "")):
            return _plain(400, "the message has no id")
        return self._taken(whole, partner)

    def _taken(self, whole: Entity, partner: Partner) -> Reply:
        disposition, mic, refused = RECEIVED, None, None
        try:
            held = opened(whole, self._end, partner, self._clock())
            mic = held.mic
            self._keep(Incoming(partner.name, _name(partner, whole), held.content_type, held.content))
        except RefusedMessageError as error:
            disposition, refused = error.disposition, str(error)
        if not whole.headers.get("disposition-notification-to"):
            return _plain(400, disposition, refused) if refused else Reply(204, Posted({}, b""))
        number = hashlib.sha256(entity(_kept_headers(whole.headers), whole.body)).hexdigest()[:40]
        receipt = receipt_of(whole, self._end, disposition, mic, f"receipt-{number}")
        wanted = whole.headers.get("receipt-delivery-option")
        if wanted is None:
            return Reply(200, receipt, refused=refused)
        if wanted.strip() != partner.posts_receipts_to:
            return _plain(403, "receipts are not posted to that address", refused)
        return Reply(202, Posted({}, b""), (wanted.strip(), receipt), refused)


def _kept_headers(headers: Mapping[str, str]) -> list[tuple[str, str]]:
    """What makes an entity of a body again, and tells from whom it was."""
    names = ("as2-from", "as2-to", "message-id", "date", "content-type", "content-transfer-encoding")
    found = [(name, headers[name]) for name in names if name in headers]
    return [(name, value.encode("ascii", "replace").decode()) for name, value in found]


def _name(partner: Partner, whole: Entity) -> str:
    named = f"{partner.name}\n{whole.headers['message-id']}"
    return hashlib.sha256(named.encode()).hexdigest()[:40] + ".xml"


def _plain(status: int, text: str, refused: str | None = None) -> Reply:
    answer = Posted({"Content-Type": "text/plain; charset=us-ascii"}, f"{text}\n".encode("ascii"))
    return Reply(status, answer, refused=refused or text)
