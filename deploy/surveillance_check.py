"""The second reading of surveillance: what it keeps in Kafka, held against exposures and reports in the database.

The two are read at different moments. So a difference counts only if it is there again, the very same, however often
it is looked for within the patience given, and only where surveillance has all that the database has: else it is told
of as behind.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from confluent_kafka.admin import AdminClient

from schemas import topics
from sinks.clickhouse.generations import progress
from sinks.clickhouse.queries.standing import Stated, last_stated, read_standing, standing_through
from sinks.clickhouse.recompute.verify import Patience
from streams.surveillance.again import held_against
from streams.surveillance.bins import Exposure
from streams.surveillance.declared import pairs_watched_by, watched_by
from streams.surveillance.kept import Kept, sorted_out
from streams.surveillance.pair_watch import WatchedPairs
from streams.surveillance.pairs_again import pairs_held_against
from streams.surveillance.pairs_kept import PairsKept, pairs_sorted_out
from streams.worker import position
from streams.worker.changelog import Changelog
from streams.worker.store import MemoryStore

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from schemas.definition.registry import RegistryDefinition
    from sinks.clickhouse.client import Client
    from streams.control import KafkaConfig
    from streams.surveillance.again import Erasure
    from streams.surveillance.declared import Watched

MOST_SHOWN = 20
_ANSWER_S = 30.0


@dataclass(frozen=True, slots=True)
class MonitorAccount:
    """One monitor's account.

    Attributes:
        monitor: its name.
        kinds: how many kinds of exposure were compared; of pairs, how many drugs and reactions by stratum.
        reports: how many counts of reports; of pairs, how many reports.
        products: how many products, or pairs, with a signal: hindsight, whether it stands, and what the database says.
        different: how many of all these are not the same; none where it is behind.
        shown: some of those, in words.
        behind: why nothing counts that is not the same; empty where all does.
        erased: who has opted out of signals since they were raised, in no number any more and taking nothing from them.
    """

    monitor: str
    kinds: int
    reports: int
    products: int
    different: int
    shown: tuple[str, ...]
    behind: str
    erased: tuple[Erasure, ...] = ()


def check_surveillance(
    client: Client,
    kafka: KafkaConfig,
    definition: RegistryDefinition,
    *,
    patience_s: float,
    wait: Callable[[float], None],
) -> tuple[MonitorAccount, ...]:
    """Recompute what surveillance keeps of the declared generation, and compare.

    Args:
        client: the way to ClickHouse.
        kafka: the clients' settings.
        definition: the registry as declared.
        patience_s: for how many seconds what is different is looked for again before it counts.
        wait: how to wait some seconds.

    Raises:
        ValueError: a monitor is not as it must be.
        KafkaException: the broker does not answer.
        DatabaseError: the database does not answer, or refuses.
    """
    monitors: dict[str, Watched | WatchedPairs] = {**watched_by(definition), **pairs_watched_by(definition)}
    if not monitors:
        return ()

    def look() -> dict[str, MonitorAccount]:
        kept = read_kept(kafka, definition.name, definition.generation)
        return {name: _account(client, definition, name, one, kept) for name, one in monitors.items()}

    found = look()
    if any(one.shown or one.behind for one in found.values()):
        for _ in Patience(patience_s, wait).waits():
            found = {name: _still(found[name], one) for name, one in look().items()}
            if not any(one.shown or one.behind for one in found.values()):
                break
    return tuple(_told(one) for one in found.values())


def read_kept(kafka: KafkaConfig, registry: str, generation: str) -> dict[str, Kept | PairsKept]:
    """What surveillance keeps, by monitor; nothing where it has never run. Raises as ``check_surveillance``."""
    topic = topics.surveillance_changelog(registry, generation)
    known = AdminClient(dict(kafka)).list_topics(timeout=_ANSWER_S).topics
    found: dict[str, Kept | PairsKept] = {}
    for partition in known[topic].partitions if topic in known else ():
        store = MemoryStore()
        Changelog(kafka, topic, partition).recover(store, lambda *_: None)
        records = [(key, value) for key, value in store.items() if key != position.KEY]
        found |= {**sorted_out(records), **pairs_sorted_out(records)}
    return found


def _account(
    client: Client,
    definition: RegistryDefinition,
    monitor: str,
    watched: Watched | WatchedPairs,
    all_kept: Mapping[str, Kept | PairsKept],
) -> MonitorAccount:
    registry, generation = definition.name, definition.generation
    loaded = progress(client, registry, generation)
    there = standing_through(client, registry, generation, watched.exposures)
    rows = read_standing(client, registry, generation, watched.exposures, Exposure._fields)
    exposures = (Exposure(*row)._replace(by=tuple(row[_BY])) for row in rows)
    kept = all_kept.get(monitor)
    if isinstance(watched, WatchedPairs):
        kept = kept if isinstance(kept, PairsKept) else PairsKept()
        held = pairs_held_against(watched, kept, exposures)
    else:
        kept = kept if isinstance(kept, Kept) else Kept()
        held = held_against(watched, kept, exposures)
    stated = last_stated(client, registry, generation, monitor, pairs=isinstance(watched, WatchedPairs))
    differences = (*held.differences, *_unlike_stated(kept, stated))
    behind = _behind(kept.versions, there, loaded)
    return MonitorAccount(
        monitor, held.kinds, held.reports, held.subjects, len(differences), differences, behind, held.erased
    )


_BY = Exposure._fields.index("by")


def _unlike_stated(kept: Kept | PairsKept, loaded: Mapping[str, Stated]) -> tuple[str, ...]:
    own = {
        one.signal.product: Stated(one.signal.number, one.messages, one.signal.state, one.signal.level)
        for one in kept.stated.values()
    }
    return tuple(
        f"signal of {product}: {own.get(product)}, in the database {loaded.get(product)}"
        for product in sorted(own.keys() | loaded.keys())
        if own.get(product) != loaded.get(product)
    )


def _behind(counted: Mapping[int, int], there: Mapping[int, int], loaded: Mapping[int, int]) -> str:
    """Why the two are not of the same submissions; erased exposures are no reason, so versions need not be equal."""
    if any(counted.get(partition, -1) < version for partition, version in there.items()):
        return "surveillance is behind the database" if counted else "surveillance has counted nothing yet"
    if any(loaded.get(partition, -1) < version for partition, version in counted.items()):
        return "the database is behind surveillance"
    return ""


def _still(before: MonitorAccount, now: MonitorAccount) -> MonitorAccount:
    """The account of now, with those differences that were there before."""
    if now.behind or before.behind:
        return now
    same = tuple(one for one in now.shown if one in before.shown)
    behind = "still changing: verify once less flows in" if now.shown and not same else ""
    return replace(now, different=len(same), shown=same, behind=behind)


def _told(account: MonitorAccount) -> MonitorAccount:
    if account.behind:
        return replace(account, different=0, shown=())
    return replace(account, shown=account.shown[:MOST_SHOWN])
