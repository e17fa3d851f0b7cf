"""Endpoints of companies, as the registry's controller registers them: by command and on the portal alike."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from schemas.company import companies_of
from sinks.clickhouse.queries.webhooks import find_webhook, new_webhook, save
from sinks.clickhouse.queries.webhooks import remove as take_away
from sinks.feeds.addresses import AddressRefusedError, checked_url, public_address
from sinks.feeds.signing import new_secret, secret_path, write_secret

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from schemas.definition.registry import RegistryDefinition
    from sinks.clickhouse.client import Client
    from sinks.clickhouse.queries.webhooks import Webhook


class CannotBeRegisteredError(ValueError):
    """An endpoint cannot be registered; the message says why."""


@dataclass(frozen=True, slots=True)
class Endpoints:
    """How endpoints are registered here.

    Attributes:
        keys: the folder of secrets, which whoever delivers reads.
        loopback: whether they may be on this machine, by plain http: for tests.
    """

    keys: Path
    loopback: bool = False

    def register(
        self,
        client: Client,
        definition: RegistryDefinition,
        company: str,
        url: str,
        *,
        by: str,
        at: datetime,
        from_start: bool = False,
    ) -> tuple[Webhook, str]:
        """Register an endpoint of a company, and make its secret, which is told this once.

        Args:
            client: the way to the database.
            definition: the registry, whose events it gets.
            company: the company's code.
            url: where they are posted to.
            by: who registers it.
            at: when.
            from_start: whether it gets all that the company was ever told, not only what comes.

        Raises:
            CannotBeRegisteredError: the registry has no such company, or the address is not one of the public internet.
            DatabaseError: the database does not answer, or refuses.
        """
        known = companies_of([definition])
        if company not in known:
            raise CannotBeRegisteredError(
                f"{definition.name} has no products of {company}; there are {', '.join(known) or 'none'}"
            )
        try:
            asyncio.run(public_address(*checked_url(url, loopback=self.loopback), loopback=self.loopback))
        except AddressRefusedError as error:
            raise CannotBeRegisteredError(f"the address is refused: {error}") from error
        except OSError as error:
            raise CannotBeRegisteredError(f"the address's host cannot be found: {error.strerror or error}") from error
        webhook = new_webhook(client, company, definition.name, url, by=by, at=at, from_start=from_start)
        secret = new_secret()
        write_secret(secret_path(self.keys, webhook.id), secret)
        save(client, webhook)
        return webhook, secret

    def remove(self, client: Client, webhook: str, by: str) -> None:
        """Send nothing there any more, and forget its secret; what was sent stays known.

        Raises:
            NoSuchWebhookError: there is none of that id.
            DatabaseError: the database does not answer, or refuses.
        """
        take_away(client, webhook, by)
        secret_path(self.keys, webhook).unlink(missing_ok=True)

    def rotate(self, client: Client, webhook: str) -> str:
        """Make another secret; the one before signs beside it until the next.

        Raises:
            NoSuchWebhookError: there is none of that id.
            DatabaseError: the database does not answer, or refuses.
        """
        find_webhook(client, webhook)
        secret = new_secret()
        write_secret(secret_path(self.keys, webhook), secret)
        return secret
