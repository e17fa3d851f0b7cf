"""Where a webhook may point: to a public https address, by its name as by what the name stands for when it is used.

A name is looked up here, and the connection goes to the very address that was looked at: else its owner could have it
point elsewhere between the look and the use.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Address = ipaddress.IPv4Address | ipaddress.IPv6Address
    Lookup = Callable[[str, int], Awaitable[list[str]]]

_LONGEST = 2_000
_HTTPS_PORT = 443
_NAT64 = ipaddress.ip_network("64:ff9b::/96")  # by which a network of IPv6 alone reaches IPv4
_ASSIGNED = ipaddress.ip_network("192.0.0.0/24")  # which older Pythons take for public in part


class AddressRefusedError(ValueError):
    """A webhook may not point there; the message says why, and never quotes the path or query."""


def checked_url(url: str, *, loopback: bool = False) -> tuple[str, int]:
    """The host and port of an endpoint's address, as far as can be told without looking its name up.

    Args:
        url: the address.
        loopback: whether this machine may be meant, also by plain http: for tests alone.

    Raises:
        AddressRefusedError: it may not be posted to.
    """
    if len(url) > _LONGEST or any(ord(letter) <= ord(" ") or not letter.isascii() for letter in url):
        raise AddressRefusedError("an address has no blanks and plain letters only, and at most 2,000 of them")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise AddressRefusedError("it is no address: write https://host/path") from error
    if parts.scheme != "https" and not (loopback and parts.scheme == "http"):
        raise AddressRefusedError("only https is safe on its way: write https://host/path")
    if not host:
        raise AddressRefusedError("it names no host: write https://host/path")
    if parts.username is not None or parts.password is not None:
        raise AddressRefusedError(
            "an account in an address would be seen by whoever sees it: the signature is the proof"
        )
    if parts.fragment:
        raise AddressRefusedError("what stands behind # is never sent: leave it out")
    if port == 0:
        raise AddressRefusedError("there is no port 0")
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        pass
    else:
        refuse_private(address, loopback=loopback)
    return host, port or (_HTTPS_PORT if parts.scheme == "https" else 80)


async def public_address(host: str, port: int, *, loopback: bool = False, lookup: Lookup | None = None) -> str:
    """The address to connect to for a host, each of its addresses being public.

    Raises:
        AddressRefusedError: one of them is not.
        OSError: the name cannot be looked up.
    """
    found = await (lookup or _lookup)(host, port)
    if not found:
        raise OSError(f"{host} has no address")
    for one in found:
        refuse_private(ipaddress.ip_address(one.partition("%")[0]), loopback=loopback)
    return found[0]


def refuse_private(address: Address, *, loopback: bool = False) -> None:
    """See that an address is one of the public internet, also what it may carry within.

    Raises:
        AddressRefusedError: it is private, of this machine, of the link, shared, reserved, or of many.
    """
    for one in _meant(address):
        if loopback and one.is_loopback:
            continue
        of_the_site = one in _ASSIGNED if isinstance(one, ipaddress.IPv4Address) else one.is_site_local
        if not one.is_global or one.is_multicast or one.is_reserved or of_the_site:
            raise AddressRefusedError("its host is not on the public internet")


def _meant(address: Address) -> list[Address]:
    """An address, and those of IPv4 that it stands for or goes through."""
    if isinstance(address, ipaddress.IPv4Address):
        return [address]
    if address.ipv4_mapped is not None:
        return [address.ipv4_mapped]
    if address in _NAT64:
        return [ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)]
    return [address, *(one for one in (address.sixtofour, *(address.teredo or ())) if one is not None)]


async def _lookup(host: str, port: int) -> list[str]:
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]
