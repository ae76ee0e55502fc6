# SPDX-License-Identifier: Apache-2.0
"""Peers are told apart by IPv4 address and by IPv6 /64."""

from __future__ import annotations

import pytest

from kagimori.transport.peer import network_of


@pytest.mark.parametrize(
    ("peer", "network"),
    [
        ("ipv4:192.0.2.1:4711", "c0000201"),
        ("ipv4:192.0.2.2:4711", "c0000202"),
        ("ipv6:%5B2001:db8:1:2:3:4:5:6%5D:50051", "20010db800010002"),
        ("ipv6:[2001:db8:1:2:ffff::1]:50051", "20010db800010002"),
        ("ipv6:%5B2001:db8:1:3::1%5D:50051", "20010db800010003"),
        ("ipv6:%5B::1%5D:50051", "0000000000000000"),
        ("ipv6:%5B::ffff:192.0.2.1%5D:50051", "c0000201"),
        ("ipv6:%5Bfe80::1%25eth0%5D:50051", "fe80000000000000"),
        ("unix:/run/kagimori.sock", ""),
        ("ipv4:here:1", ""),
        ("", ""),
    ],
)
def test_a_peer_is_its_network(peer: str, network: str) -> None:
    assert network_of(peer).hex() == network
