"""Reports of drugs and reactions of a test's own, as journeys tell them, and the monitor that watches them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from streams.statistics.disproportionality import GammaPoissonMixture
from streams.surveillance.bins import Change, Exposure
from streams.surveillance.pair_signals import PairMonitor
from streams.surveillance.pair_watch import PairWatch, WatchedPairs
from streams.surveillance.pairs_kept import PairsKept, pairs_sorted_out
from streams.surveillance.signals import Version
from streams.surveillance.watch import Told

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

    from streams.surveillance.pair_signals import PairSignal
    from streams.surveillance.pairs_kept import PairStated

DUMOUCHEL = GammaPoissonMixture(0.2, 0.1, 2.0, 4.0, 1 / 3)
"""Where DuMouchel (1999) begins."""
NAME = "reactions"


def monitor(**other: object) -> PairMonitor:
    """A monitor as declared where nothing is said; or otherwise in some things."""
    declared = {
        "name": NAME, "definition": "a1b2", "rules": {"watch": ("evans", "ic"), "alarm": ("ebgm",)}, "fewest": 3,
        "dominant": 0.5, "unmask": True, "prior": DUMOUCHEL, "fewest_pairs": 100, "refit": 0.1,
    }  # fmt: skip
    return PairMonitor(**declared | other)  # type: ignore[arg-type]  # by name


def report(drug: str, reaction: str, *stratum: str, recorded: int | None = 11_000) -> Exposure:
    """One report; without a reaction it is not coded yet."""
    by = (reaction, *(stratum or ("F",)))
    return Exposure(drug, "", "R01", "", by, 10_990, None, "", 0, None, recorded=recorded)


class Register:
    """Reports by registration, told to a monitor change by change, each message from the next submission."""

    def __init__(self, declared: PairMonitor | None = None) -> None:
        self.watch = PairWatch(WatchedPairs(declared or monitor()))
        self.standing: dict[str, Exposure] = {}
        self.records: dict[bytes, bytes] = {}
        self.messages: list[Told] = []
        self._patients: dict[str, str] = {}

    def tell(self, *reports: tuple[str, Exposure | None], opted_out: bool = False) -> tuple[PairSignal, ...]:
        """What some registrations are now; the signals stated."""
        changes = []
        for name, after in reports:
            before = self.standing.pop(name, None)
            if after is not None:
                self.standing[name] = after
            patient = self._patients.setdefault(name, f"p{name}")
            changes.append(Change(patient, name, before, after, opted_out))
        return self.hear(Told(Version(2, len(self.messages) + 1), changes))

    def hear(self, message: Told) -> tuple[PairSignal, ...]:
        """A message as it comes."""
        self.messages.append(message)
        return tuple(one.signal for one in self.take([message]))

    def take(self, messages: Sequence[Told]) -> tuple[PairStated, ...]:
        """Some messages at once, kept as they are committed."""
        taken = self.watch.take(messages)
        for key, value in taken.writes.items():
            if value is None:
                self.records.pop(key, None)
            else:
                self.records[key] = value
        return taken.stated

    def many(self, name: str, number: int, of: Exposure) -> tuple[PairSignal, ...]:
        """So many reports of one kind, in one message."""
        return self.tell(*((f"{name}{place}", of) for place in range(number)))

    @property
    def kept(self) -> PairsKept:
        """What is kept, as read back from its records."""
        return pairs_sorted_out(self.records.items()).get(NAME, PairsKept())

    def restart(self) -> None:
        """Begin anew from what is kept."""
        self.watch = PairWatch(self.watch.watched, self.kept)


def random_messages(dice: random.Random, registrations: int, *, partitions: int = 3) -> list[Told]:
    """What is said of reports: corrections, nullified ones, opt-outs and uncoded ones too.

    What is said of one registration is said in its order, by one partition.
    """
    drugs, reactions, strata = "ABCDE", ("p", "q", "r", "s", ""), (("F", "<45"), ("M", "<45"), ("F", "65+"))

    def drawn() -> Exposure:
        drug = dice.choice(drugs)
        reaction = "p" if drug == "A" and dice.random() < 0.5 else dice.choice(reactions)
        return report(drug, reaction, *dice.choice(strata), recorded=dice.randint(10_990, 12_000))

    waiting = []
    for number in range(registrations):
        states = [drawn() for _ in range(dice.choice((1, 1, 1, 1, 2)))]
        changes = [
            Change(f"p{number}", f"r{number}", before, after)
            for before, after in zip([None, *states], states, strict=False)
            if before != after
        ]
        if dice.random() < 0.15:
            changes.append(Change(f"p{number}", f"r{number}", states[-1], None, dice.random() < 0.5))
        waiting.append(changes)
    versions = [1 << 48, 0, 77, *range(partitions)][:partitions]
    found: list[Told] = []
    while any(waiting):
        partition = dice.randrange(partitions)
        own = [one for number, one in enumerate(waiting) if one and number % partitions == partition]
        changes = [one.pop(0) for one in own[: dice.randint(1, 3)]]
        if changes:
            versions[partition] += dice.randint(1, 3)
            found.append(Told(Version(partition, versions[partition]), changes))
    return found


def standing_after(messages: Sequence[Told]) -> list[Exposure]:
    """The reports that stand in the end, whatever came in between."""
    found: dict[str, Exposure | None] = {}
    for told in messages:
        for one in told.changes:
            found[one.registration_id] = one.after
    return [one for one in found.values() if one is not None]
