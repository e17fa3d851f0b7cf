"""Where a webhook may point, and where it may not, in all the ways that the forbidden can be written."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from sinks.feeds.addresses import AddressRefusedError, checked_url, public_address

if TYPE_CHECKING:
    from sinks.feeds.addresses import Lookup

PRIVATE = [
    "127.0.0.1", "127.8.8.8", "0.0.0.0", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.169.254",
    "100.64.0.1", "192.0.0.8", "198.18.0.1", "192.0.2.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.1.1.1",
    "240.0.0.1", "255.255.255.255",
    "::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd12:3456::1", "fec0::1", "ff02::1", "2001:db8::1",
    "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::",
    "2002:a00:1::1", "2001:0:7f00:1::1", "2001:0:c000:22a:0:0:80ff:fffe",
]  # fmt: skip
PUBLIC = ["8.8.8.8", "193.10.1.1", "2a00:801::1", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1"]


def answering(*addresses: str) -> Lookup:
    async def lookup(_host: str, _port: int) -> list[str]:
        return [*addresses]

    return lookup


@pytest.mark.parametrize("address", PRIVATE)
def test_a_name_that_stands_for_what_is_not_public_is_refused(address: str) -> None:
    with pytest.raises(AddressRefusedError, match="not on the public internet"):
        asyncio.run(public_address("hooks.example", 443, lookup=answering(address)))
    with pytest.raises(AddressRefusedError):
        asyncio.run(public_address("hooks.example", 443, lookup=answering("8.8.8.8", address)))


@pytest.mark.parametrize("address", PUBLIC)
def test_what_is_public_is_the_address_to_connect_to(address: str) -> None:
    assert asyncio.run(public_address("hooks.example", 443, lookup=answering(address))) == address


@pytest.mark.parametrize("host", ["2130706433", "0x7f000001", "0177.0.0.1", "127.1", "localhost"])
def test_other_ways_to_write_this_machine_are_found_out_when_they_are_looked_up(host: str) -> None:
    with pytest.raises((AddressRefusedError, OSError)):
        asyncio.run(public_address(*checked_url(f"https://{host}/")))


@pytest.mark.parametrize("address", [one for one in PRIVATE if "%" not in one])
def test_an_address_in_the_url_needs_no_look(address: str) -> None:
    host = f"[{address}]" if ":" in address else address
    with pytest.raises(AddressRefusedError, match="not on the public internet"):
        checked_url(f"https://{host}:8443/hook")


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://hooks.example/", "only https"),
        ("ftp://hooks.example/", "only https"),
        ("file:///etc/passwd", "only https"),
        ("gopher://hooks.example/", "only https"),
        ("//hooks.example/", "only https"),
        ("hooks.example", "only https"),
        ("https:///path", "names no host"),
        ("https://", "names no host"),
        ("https://user:secret@hooks.example/", "account"),
        ("https://user@hooks.example/", "account"),
        ("https://hooks.example/#part", "behind #"),
        ("https://hooks.example:0/", "no port 0"),
        ("https://hooks.example:99999/", "no address"),
        ("https://[::1/", "no address"),
        ("https://hooks.example/a b", "blanks"),
        ("https://hooks.example/\r\nHost: other", "blanks"),
        ("https://h\u00f6oks.example/", "plain letters"),
        ("https://hooks.example/" + "x" * 2_000, "at most"),
    ],
)
def test_what_is_no_public_https_address_is_refused_in_words(url: str, why: str) -> None:
    with pytest.raises(AddressRefusedError, match=why) as refused:
        checked_url(url)
    assert "secret" not in str(refused.value)


def test_host_and_port_are_told() -> None:
    assert checked_url("https://hooks.example/path?key=1") == ("hooks.example", 443)
    assert checked_url("https://hooks.example:8443") == ("hooks.example", 8443)


def test_this_machine_may_be_meant_where_a_test_says_so_and_nothing_else() -> None:
    assert checked_url("http://127.0.0.1:8080/x", loopback=True) == ("127.0.0.1", 8080)
    assert asyncio.run(public_address("any", 1, loopback=True, lookup=answering("::1"))) == "::1"
    for address in ("10.0.0.1", "169.254.169.254", "fe80::1"):
        with pytest.raises(AddressRefusedError):
            asyncio.run(public_address("any", 1, loopback=True, lookup=answering(address)))


def test_a_name_without_an_address_is_no_public_one() -> None:
    with pytest.raises(OSError, match="has no address"):
        asyncio.run(public_address("hooks.example", 443, lookup=answering()))
