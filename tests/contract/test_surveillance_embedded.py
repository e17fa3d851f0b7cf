"""Surveillance on the embedded broker: from an empty changelog, in memory, to the end of the log."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.contract.test_worker_embedded import QUICKER
from tests.surveillance_support import assert_undisturbed, both_groups, make_surveillance_log, tell, watching
from tests.worker_support import new_registry, wait_until_caught_up

if TYPE_CHECKING:
    from deploy.embedded.broker import EmbeddedBroker

pytestmark = pytest.mark.embedded


def test_another_worker_takes_up_where_the_first_has_left(embedded_broker: EmbeddedBroker) -> None:
    kafka = {"bootstrap.servers": embedded_broker.bootstrap}
    registry = new_registry()
    make_surveillance_log(kafka, registry)
    messages = both_groups(1)
    half = len(messages) // 2
    for some in (messages[:half], messages[half:]):
        tell(kafka, registry, some)
        with watching(kafka, registry, group=QUICKER) as worker:
            wait_until_caught_up(worker)
            assert worker.health.registrations == sum(len(told.changes) for _, told in some)
    assert_undisturbed(kafka, registry, messages)
