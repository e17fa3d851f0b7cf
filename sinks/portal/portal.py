"""What the portal is made with, and what is asked of it: a request that has been let through."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol

from sinks.agency.deadlines import Rules
from sinks.portal.identity import PUBLIC
from sinks.portal.kept import Kept, Renewed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from starlette.requests import Request

    from schemas.definition.registry import RegistryDefinition
    from sinks.clickhouse.client import Client
    from sinks.clickhouse.queries.carriers import Carrier
    from sinks.clickhouse.queries.company_database.reporting import Reporting
    from sinks.clickhouse.queries.opt_outs import Mark
    from sinks.feeds.registering import Endpoints
    from sinks.portal.identity import Person
    from sinks.portal.pages.pieces import Page
    from sinks.portal.texts import Texts

Language = Literal["sv", "en"]
_REPORTING_S = 60.0
_OPT_OUTS_S = 1.0


@dataclass(frozen=True, slots=True)
class Provider:
    """The provider of identities (OpenID Connect).

    Attributes:
        issuer: its address; ``/.well-known/openid-configuration`` stands below it.
        client_id: what it calls the portal.
        client_secret: of the portal; empty for a public client, which proves itself by PKCE alone.
        audience: what an API token must be for; the client id where empty.
        strong_levels: the values of the claim ``acr`` that are a strong log-in.
        claims: where the provider puts a claim under another name: ours, then its.
    """

    issuer: str
    client_id: str
    client_secret: str = field(default="", repr=False)
    audience: str = ""
    strong_levels: frozenset[str] = frozenset()
    claims: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Choices:
    """What a deployment decides about the portal.

    Attributes:
        secret: signs the cookies; 32 characters or more.
        provider: who says who somebody is; None where nobody can log in.
        ready: identities to choose from in place of a provider. Only for the demo, and only on loopback.
        https: whether browsers reach it over https; only loopback may do without.
        host: the address that it answers on.
        smallest: the fewest people that a company is shown in a cell.
        requests_a_minute: by person, or by address of those not logged in.
        log_ins_a_minute: likewise; also how many refused tokens an address may bring.
        streams: likewise, how many pages may be followed, and feeds listened to, at once by one process.
        session_s: how long a log-in lasts.
    """

    secret: str = field(repr=False)
    provider: Provider | None = None
    ready: tuple[Person, ...] = ()
    https: bool = True
    host: str = "127.0.0.1"
    smallest: int = 5
    requests_a_minute: int = 600
    log_ins_a_minute: int = 30
    streams: int = 50
    session_s: int = 8 * 3600

    def __post_init__(self) -> None:
        loopback = self.host in {"127.0.0.1", "::1", "localhost"}
        if self.ready and not loopback:
            raise ValueError(f"ready identities are for the demo on loopback; the portal answers on {self.host}")
        if self.ready and self.provider:
            raise ValueError("ready identities stand in for a provider; there is one")
        if not self.https and not loopback:
            raise ValueError(f"without https the portal answers on loopback only, not on {self.host}")
        if len(self.secret) < _SHORTEST_SECRET:
            raise ValueError(f"the secret must have {_SHORTEST_SECRET} characters or more")


_SHORTEST_SECRET = 32


class CannotBeSaidError(Exception):
    """What somebody says breaks a rule, or cannot be sent now; the message says which, or what to do."""


class Voice(Protocol):
    """Sends what people say of signals, notices and carriers, and waits until the broker has it."""

    def decide(self, registry: str, about: str, state: str, *, by: str, reason: str, note: str) -> None:
        """A decision on a signal or notice: taken_up, confirmed, or closed with its reason.

        Raises:
            CannotBeSaidError: it breaks a rule, or the broker does not take it.
        """

    def carriers(self, registry: str, about: str, told: Sequence[Told], *, by: str) -> None:
        """How it stands with carriers of one signal or notice; all of them or none.

        Raises:
            CannotBeSaidError: as ``decide``.
        """

    def answer(
        self, registry: str, about: str, state: str, *, company: str, by: str, statement: str = "", notice: str = ""
    ) -> None:
        """What a company answers about a signal of its own product: acknowledged, stated or tied.

        Args:
            registry: whose signal it is.
            about: the signal.
            state: see above.
            company: its code.
            by: who says it.
            statement: with stated, what.
            notice: with tied, the field safety notice's id.

        Raises:
            CannotBeSaidError: as ``decide``.
        """


class ReportVoice(Protocol):
    """Sends what people do with reports to agencies and manufacturers, and waits until the broker has it."""

    def act(self, registry: str, case: str, addressee: str, said: Mapping[str, str], *, by: str) -> None:
        """What somebody does with the latest version of a case.

        Args:
            registry: whose report.
            case: its id.
            addressee: to whom it goes.
            said: ``act`` (check, return, assign, code, withdraw, nullify, send, receipt) and, where it needs them,
                ``reason``, ``owner``, ``meddra`` (code/version), ``reference``.
            by: who does it.

        Raises:
            CannotBeSaidError: it breaks a rule, or the broker does not take it.
        """


class Told(NamedTuple):
    """How it stands with one carrier: the carrier as the readings know it, and what is said."""

    carrier: Carrier
    state: str
    unit: str | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Certified:
    """What is known of how often a monitor errs, and how late it is.

    Attributes:
        id: of its certificate; empty where it has none that holds.
        catalogue_years: how many were simulated for it.
        seed: of the random numbers.
        results: methods with their error rates, as the simulation wrote them.
        budgets: by level, how many false signals a year its thresholds were to keep to.
        problem: why a certificate does not hold; empty where it does, or where there is none.
        differing: what was simulated otherwise than it is declared.
    """

    id: str = ""
    catalogue_years: int = 0
    seed: int = 0
    results: Mapping[str, Any] = field(default_factory=dict)
    budgets: Mapping[str, float] = field(default_factory=dict)
    problem: str = ""
    differing: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Portal:
    """The portal's surroundings.

    Attributes:
        definitions: the registries by name.
        client: the way to ClickHouse; shared by threads.
        choices: what is decided.
        now: seconds since 1970; for sessions and the access log, never for a result.
        voice: how decisions and carriers' states are sent; None where the portal only reads.
        health: where processes answer, by name.
        reporting: by registry, what companies' rates rest on: it changes slowly, and stands on every page of theirs.
        endpoints: how companies' endpoints are registered; None where they are not registered here.
        certificates: by registry and monitor, what its certificate says; a monitor that is not there has none.
        pages: pages that take long to make, as they were made last.
        opt_outs: by registry, the mark of its opt-outs: with another mark no page is given as it was.
        report_voice: how people's steps of reports are sent; None where the portal only reads.
        report_rules: what deadlines of reports depend on.
    """

    definitions: Mapping[str, RegistryDefinition]
    client: Client
    choices: Choices
    now: Callable[[], float]
    voice: Voice | None = None
    health: Mapping[str, str] = field(default_factory=dict)
    certificates: Mapping[tuple[str, str], Certified] = field(default_factory=dict)
    endpoints: Endpoints | None = None
    reporting: Kept[Reporting | None] = field(default_factory=lambda: Kept(_REPORTING_S))
    pages: Renewed[Page] = field(default_factory=Renewed)
    opt_outs: Kept[Mark] = field(default_factory=lambda: Kept(_OPT_OUTS_S))
    report_voice: ReportVoice | None = None
    report_rules: Rules = field(default_factory=Rules)

    @property
    def moment(self) -> datetime:
        """The same now as a time of day, in UTC."""
        return datetime.fromtimestamp(self.now(), UTC)


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that has been let through.

    Attributes:
        request: as it came.
        portal: the surroundings.
        area: the row of the table that let it through.
        person: who asks.
        texts: the words of their language.
        unit: the unit that the address names, which the person may see; else empty.
        purpose: what it is wanted for, where that was stated.
    """

    request: Request
    portal: Portal
    area: str
    texts: Texts
    person: Person = PUBLIC
    found: RegistryDefinition | None = None
    unit: str = ""
    purpose: str = ""

    @property
    def definition(self) -> RegistryDefinition:
        """The registry that the address names."""
        if self.found is None:
            raise LookupError("the address names no registry")
        return self.found

    @property
    def client(self) -> Client:
        """The way to ClickHouse."""
        return self.portal.client

    @property
    def language(self) -> Language:
        """The language that is shown."""
        return self.texts.language

    def one(self, name: str, default: str = "") -> str:
        """One value of the address's query."""
        return self.request.query_params.get(name, default)

    def many(self, name: str) -> tuple[str, ...]:
        """All values of that name, empty ones left out."""
        return tuple(value for value in self.request.query_params.getlist(name) if value)
