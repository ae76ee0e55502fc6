# SPDX-License-Identifier: Apache-2.0
"""Whose address a call comes from, as far as tries are counted by it."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address
from typing import Final
from urllib.parse import unquote

_NETWORK: Final = 8
"""Octets of an IPv6 address that are one customer's line: a /64 (RFC 6177 §1)."""


def network_of(peer: str) -> bytes:
    """Return the network of a peer in gRPC's words: an IPv4 address, or an IPv6 /64.

    ``ipv4:192.0.2.1:4711``, ``ipv6:%5B2001:db8::1%5D:4711``. An IPv4 address that
    is written as one of IPv6 is the same. All peers without an address are one.
    """
    kind, _, rest = unquote(peer).partition(":")
    host = rest.rpartition(":")[0].strip("[]")
    try:
        if kind == "ipv4":
            return IPv4Address(host).packed
        if kind == "ipv6":
            return _of_ipv6(IPv6Address(host))
    except ValueError:
        pass
    return b""


def _of_ipv6(address: IPv6Address) -> bytes:
    mapped = address.ipv4_mapped
    return address.packed[:_NETWORK] if mapped is None else mapped.packed
