"""All settings, from the environment (``GULDADRA_…``) and one TOML file, refused by name at start.

The TOML file is ``guldadra.toml`` in the working folder or the one that ``GULDADRA_CONFIG`` names; the
environment wins. Where no broker is set, a running `guldadra up` or `guldadra demo` is used.
"""

from __future__ import annotations

import os
import socket
from datetime import date
from pathlib import Path
from tomllib import TOMLDecodeError
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)
from pydantic_settings import SettingsError as UnreadableValueError

from deploy.embedded.runtime import running_stack
from schemas.definition.folder import load_registries
from schemas.identity import PseudonymKey, read_key
from schemas.store import BundledStore, HttpStore, SchemaStore
from sinks.clickhouse.client import connect

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

    from schemas.definition.registry import RegistryDefinition
    from sinks.clickhouse.client import Client

PREFIX = "GULDADRA_"
_OF_THE_TESTS = ("bench_rounds", "fault_rounds", "real_kafka", "no_skips")


class SettingsError(Exception):
    """A setting is wrong or missing; the message names it."""


class ProviderSettings(BaseModel):
    """The provider of identities; see ``sinks.portal.portal.Provider``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    issuer: str = Field(pattern=r"^https?://", description="its address (OpenID Connect)")
    client_id: str = Field(min_length=1, description="what it calls the portal")
    client_secret: SecretStr = SecretStr("")
    audience: str = Field("", description="what an API token must be for; empty: the client id")
    strong_levels: tuple[str, ...] = Field((), description="values of acr that are a strong log-in")
    claims: dict[str, str] = Field(default_factory=dict, description="our name of a claim, then the provider's")


class AgencySettings(BaseModel):
    """Who sends reports to the medicines agency, and how; tried out unless it is said to be in earnest."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    country: str = Field("SE", pattern=r"^[A-Z]{2}$", description="of the sender")
    organisation: str = Field(pattern=r"^[A-Z0-9]{1,26}$", description="the sender as case ids name it")
    name: str = Field(min_length=1, max_length=100, description="the sender's own name (C.3.2)")
    kind: str = Field("6", pattern=r"^[1-7]$", description="of sender, by ICH's list (C.3.1)")
    test_sender: str = Field("", max_length=60, description="what the agency calls the sender where it is tried out")
    test_receiver: str = Field("", max_length=60, description="what the agency is called there")
    sender: str = Field("", max_length=60, description="what the agency calls the sender in earnest (N.1.3)")
    receiver: str = Field("", max_length=60, description="what the agency is called in earnest (N.1.4)")
    production: bool = Field(False, description="whether reports are sent in earnest")
    gateway: Path | None = Field(None, description="folder that the agency's client watches; without one a dry run")
    manufacturer_gateway: Path | None = Field(None, description="likewise for manufacturers; without one by hand")
    meddra: Path | None = Field(None, description="folder of the user's own MedDRA, which the mapping is held against")
    meddra_mapping: Path | None = Field(None, description="CSV file: what codes and texts are in MedDRA")
    since: date | None = Field(None, description="what was to be reported before this day is reported elsewhere")
    at_once_days: int = Field(3, ge=1, description="days that a care provider gives itself where the law says at once")


class Settings(BaseSettings):
    """Every setting of every process, with its default."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid", frozen=True, env_nested_delimiter="__")

    bootstrap: str = Field("", description="Kafka brokers, host:port, comma separated")
    kafka: dict[str, str] = Field(
        default_factory=dict,
        repr=False,  # sasl.password stands here
        description="further librdkafka settings, such as security.protocol",
    )
    partitions: int = Field(12, ge=1, le=1000, description="partitions of each topic, for life")
    retention_days: int = Field(30, ge=1, description="how long the log keeps; the archive is the memory")
    schema_registry: str = Field("", description="URL of a Confluent-compatible schema registry; empty: bundled files")
    schema_registry_client: dict[str, str] = Field(
        default_factory=dict, description="further settings of its client: basic.auth.user.info, ssl.ca.location …"
    )
    clickhouse_url: str = Field("", description="ClickHouse over HTTP, http(s)://host:port")
    clickhouse_user: str = "default"
    clickhouse_password: SecretStr = SecretStr("")
    verify_limit_s: int = Field(
        6 * 3600, ge=1, description="how long one query of `verify` may take, on the server and here"
    )
    registries: Annotated[tuple[Path, ...], NoDecode] = Field(
        (), description="folders of registries outside the project, separated as PATH is"
    )
    keys: Path = Field(Path(".guldadra/keys"), description="folder of the pseudonym keys, <registry>.key each")
    data: Path = Field(Path(".guldadra"), description="what the embedded parts keep on this machine")
    state: Path | None = Field(
        Path(".guldadra/state"), description="folder where `process` keeps journeys at hand, a cache; empty: in memory"
    )
    state_memory_mb: int = Field(256, ge=16, description="what one process's journeys on disk may use of the memory")
    session_timeout_s: float = Field(10.0, ge=6, description="how long a silent `process` keeps its partitions")
    instance: str = Field(
        default_factory=socket.gethostname, description="this process's name, the same after a restart"
    )
    static_membership: bool = Field(True, description="whether consumer groups know a process by its instance name")
    one_transaction: bool = Field(False, description="whether a process writes one transaction at a time, not several")
    group: str = Field("", description="consumer group of intake or loader; empty: the process's own")
    host: str = Field("127.0.0.1", description="address that metrics and health answer on")
    metrics_port: int = Field(0, ge=0, le=65535, description="port of metrics and health; 0: any free one")
    agency: AgencySettings | None = Field(None, description="who sends reports to the medicines agency, and how")
    provider: ProviderSettings | None = Field(None, description="who says who somebody is, in the portal")
    portal_port: int = Field(8640, ge=0, le=65535, description="port of the portal and the API")
    portal_secret: SecretStr = Field(SecretStr(""), description="signs the portal's cookies, 32 characters or more")
    portal_https: bool = Field(True, description="whether browsers reach the portal over https (by a proxy before it)")
    portal_proxies: str = Field("", description="addresses of proxies whose X-Forwarded-For is believed")
    portal_smallest: int = Field(5, ge=1, description="the fewest people that a company is shown in a cell")
    health: dict[str, str] = Field(default_factory=dict, description="where processes answer /health, by name")
    refusal_limit: int = Field(1_000, ge=0, description="stop a registry after so many refusals in a row; 0: never")
    refusal_share: float = Field(0.5, ge=0, le=1, description="stop it at a larger share refused; 0: never")
    webhook_hours: float = Field(72.0, gt=0, description="how long `deliver` tries what an endpoint does not take")
    webhook_first_wait_s: float = Field(
        5.0, gt=0, description="how long it waits after the first attempt; then twice that …"
    )
    webhook_loopback: bool = Field(
        False, description="whether endpoints may be on this machine, by plain http: for tests"
    )
    log_level: str = Field("info", pattern="^(debug|info|warning|error)$")
    log_format: str = Field("auto", pattern="^(auto|console|json)$")

    @field_validator("registries", mode="before")
    @classmethod
    def _split_paths(cls, value: Any) -> Any:  # noqa: ANN401 - what the environment or the file gave
        return [part for part in value.split(os.pathsep) if part] if isinstance(value, str) else value

    @field_validator("state", mode="before")
    @classmethod
    def _none_where_empty(cls, value: Any) -> Any:  # noqa: ANN401 - likewise
        return value or None

    @field_validator("clickhouse_url", "schema_registry")
    @classmethod
    def _without_account(cls, value: str) -> str:
        """An address is shown in messages and logs, so nothing secret may stand in it."""
        if "@" in value:
            raise ValueError(
                "an address with an account in it would show the password in messages; leave the account out"
                f" (ClickHouse's goes into {PREFIX}CLICKHOUSE_USER and {PREFIX}CLICKHOUSE_PASSWORD)"
            )
        return value

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the signature is pydantic-settings'
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - likewise
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """What the code says, then the environment, then the TOML file."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, toml_file=_file())

    def kafka_config(self) -> dict[str, str | int | bool]:
        """What every Kafka client begins with.

        Raises:
            SettingsError: no broker is set, and no embedded one runs.
        """
        if not self.bootstrap:
            raise SettingsError(
                f"no broker: set {PREFIX}BOOTSTRAP to your Kafka brokers, or start an embedded one with `guldadra up`"
            )
        return {"bootstrap.servers": self.bootstrap, **self.kafka}

    def definitions(self, only: tuple[str, ...] = ()) -> dict[str, RegistryDefinition]:
        """All registries, or those named.

        Raises:
            DefinitionError: a declaration is wrong.
            SettingsError: one that is named is not there.
        """
        known = load_registries(self.registries)
        if unknown := [name for name in only if name not in known]:
            raise SettingsError(
                f"there is no registry {', '.join(unknown)}; there are {', '.join(sorted(known))} "
                f"(folders outside the project are named in {PREFIX}REGISTRIES)"
            )
        return {name: known[name] for name in only} if only else known

    def store(self, definitions: dict[str, RegistryDefinition]) -> SchemaStore:
        """Where schema ids are looked up."""
        return self.http_store(definitions) if self.schema_registry else BundledStore(definitions)

    def http_store(self, definitions: dict[str, RegistryDefinition]) -> HttpStore:
        """The schema registry.

        Raises:
            SettingsError: none is set.
        """
        if not self.schema_registry:
            raise SettingsError(
                f"no schema registry: set {PREFIX}SCHEMA_REGISTRY (without one, the files are the store)"
            )
        return HttpStore(self.schema_registry, definitions, client=self.schema_registry_client)

    def clickhouse(self, *, limit_s: int | None = None) -> Client:
        """A connection to ClickHouse; a context manager.

        Args:
            limit_s: how long one query may take; None for what is usual.

        Raises:
            SettingsError: none is set.
            DatabaseError: it does not answer, or refuses the account or our settings.
        """
        if not self.clickhouse_url:
            raise SettingsError(
                f"no ClickHouse: set {PREFIX}CLICKHOUSE_URL to http(s)://host:port, or start an embedded one with "
                "`guldadra up`"
            )
        password = self.clickhouse_password.get_secret_value()
        return connect(self.clickhouse_url, self.clickhouse_user, password, limit_s=limit_s)

    def key_path(self, registry: str) -> Path:
        """Where a registry's pseudonym key is."""
        return self.keys / f"{registry}.key"

    def key(self, registry: str) -> PseudonymKey:
        """A registry's pseudonym key.

        Raises:
            SettingsError: it is not there or not a key.
        """
        try:
            return read_key(self.key_path(registry))
        except ValueError as error:
            raise SettingsError(str(error)) from error


def load_settings(**given: Any) -> Settings:  # noqa: ANN401 - whatever the settings are
    """Read the settings; those given win over environment and file.

    Raises:
        SettingsError: one line for each wrong setting, by the name it is set with.
    """
    unknown = [name for name in os.environ if name.startswith(PREFIX) and not _is_setting(name)]
    if unknown:
        raise SettingsError("\n".join(f"{name}: there is no such setting" for name in sorted(unknown)))
    if f"{PREFIX}CONFIG" in os.environ and not _file().exists():
        raise SettingsError(f"{PREFIX}CONFIG: there is no file {_file()}")
    try:
        settings = Settings(**given)
    except ValidationError as error:
        raise SettingsError("\n".join(_in_words(fault) for fault in error.errors())) from None  # it quotes the values
    except UnreadableValueError as error:
        raise SettingsError(f"{error}; write it as JSON") from None  # likewise
    except TOMLDecodeError as error:
        raise SettingsError(f"{_file()}: {error}") from error
    if settings.bootstrap:
        return settings
    stack = running_stack(settings.data)
    if stack is None:
        return settings
    return settings.model_copy(
        update={
            "bootstrap": stack.bootstrap,
            "clickhouse_url": settings.clickhouse_url or stack.clickhouse_url,
            "partitions": stack.partitions,
            "health": settings.health or stack.health,
            "keys": settings.keys if "keys" in settings.model_fields_set else stack.keys,
            "registries": settings.registries or stack.registries,
        }
    )


def _file() -> Path:
    return Path(os.environ.get(f"{PREFIX}CONFIG", "guldadra.toml"))


def _in_words(fault: ErrorDetails) -> str:
    if fault["type"] == "extra_forbidden":  # an unknown variable has been refused before
        return f"{_file()}: there is no such setting as {'.'.join(str(step) for step in fault['loc'])}"
    name = f"{PREFIX}{'__'.join(str(step) for step in fault['loc']).upper()}"
    return f"{name}: {fault['msg'].removeprefix('Value error, ')}"


def _is_setting(variable: str) -> bool:
    name = variable.removeprefix(PREFIX).lower().split("__")[0]
    return name in Settings.model_fields or name in ("config", *_OF_THE_TESTS)
