"""The invented register of biological treatment through the whole platform: the planted pair is raised live."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import pytest

from deploy.demo.biologics import generate, read_reports
from deploy.demo.rows import write_ndjson
from deploy.publishing import publish_path
from deploy.settings import Settings
from deploy.stack import EmbeddedStack
from deploy.surveillance_check import check_surveillance
from sinks.clickhouse.queries.pair_signals import read_pair_signal, read_pair_signals
from sinks.clickhouse.queries.reactions import read_reactions
from sinks.clickhouse.queries.reviews import read_decisions
from sinks.clickhouse.recompute.verify import verify
from streams.publish.run import PublishOptions
from tests.deploy_support import Shell
from tests.support import wait_for

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.embedded, pytest.mark.stack]

PLANNED = {(drug.drug, code): n for drug in read_reports() for code, n in drug.reports.items() if n}


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Shell:
    return Shell(monkeypatch, capsys, tmp_path)


def test_the_planted_pairs_are_raised_verified_reviewed_and_there_after_a_restart(tmp_path: Path, shell: Shell) -> None:
    folder = tmp_path / "stack"
    file = tmp_path / "biologics.ndjson"
    write_ndjson(generate(), file)
    with EmbeddedStack(Settings(), folder, lambda _: None, journeys=["biologics"]) as stack:
        definition = stack.settings.definitions(("biologics",))["biologics"]
        sent = publish_path(stack.settings, definition, file, PublishOptions(mapping="demo"), lambda _: None)
        assert not sent.refused
        kafka = stack.settings.kafka_config()

        def is_there(place: EmbeddedStack) -> bool:
            """Whether all reports have been read and watched."""
            place.wait_until_idle()
            (now,) = check_surveillance(place.client, kafka, definition, patience_s=1, wait=time.sleep)
            return now.reports == sum(PLANNED.values()) and not now.behind

        wait_for(lambda: is_there(stack), "all reports to be watched", 300)
        found = {(one.drug, one.reaction): one for one in read_pair_signals(stack.client, definition).signals}
        planted, hidden = found["FEN", "HEP"], found["CED", "TUB"]
        assert (planted.state != "withdrawn", planted.a) == (True, PLANNED["FEN", "HEP"])
        assert planted.levels[0]["by"]
        assert (hidden.a, hidden.leading, hidden.without[0]["a"]) == (6, "DOM", 6)
        # the reports that are watched are those that are read
        reading = read_reactions(stack.client, definition)
        assert planted.reports <= sum(reading.counts.values()) == sum(PLANNED.values())
        (account,) = check_surveillance(stack.client, kafka, definition, patience_s=30, wait=time.sleep)
        assert (account.monitor, account.shown, account.behind) == ("reactions", (), "")
        assert (account.reports, account.products) == (sum(PLANNED.values()), len(found))
        assert verify(stack.client, definition, patience_s=30).agrees
        shell.set(data=folder)
        shown = shell("signals", "biologics", "--show", planted.id)
        assert (shown.code, "Fenorel: Hepatitis" in shown.out) == (0, True), shown.err
        said = shell("review", "biologics", "take-up", planted.id, "--by", "a vigilance officer")
        assert said.code == 0, said.err
        wait_for(lambda: read_decisions(stack.client, "biologics", planted.id), "the decision")
        listed = json.loads(shell("review", "biologics", "list", "--json").out)
        (row,) = (one for one in listed if one["about"] == planted.id)
        assert [one["state"] for one in row["decisions"]] == ["taken_up"]
        assert (row["persons"], row["units"]) == (0, [])
    with EmbeddedStack(Settings(), folder, lambda _: None, journeys=["biologics"]) as stack:
        kafka = stack.settings.kafka_config()
        wait_for(lambda: is_there(stack), "all reports to be watched again", 300)
        again = read_pair_signal(stack.client, definition, "FEN:HEP").signals[0]
        assert again.a == planted.a
        (account,) = check_surveillance(stack.client, kafka, definition, patience_s=30, wait=time.sleep)
        assert (account.different, account.behind) == (0, "")
