# SPDX-License-Identifier: Apache-2.0
"""The listeners: TLS 1.3 only, everything bounded.

Banks and staff show client certificates. Token apps have none, and a listener of
their own.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

import grpc
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key

LARGEST_MESSAGE: Final = 64 * 1024
"""Octets, both ways."""

_HANDSHAKE: Final = b"\x16"
"""Type of a TLS record that carries a handshake (RFC 5246 §6.2.1)."""

_MOST_PENDING: Final = 1 << 16

_BOUNDS: Final[Sequence[tuple[str, int]]] = (
    ("grpc.max_receive_message_length", LARGEST_MESSAGE),
    ("grpc.max_send_message_length", LARGEST_MESSAGE),
    ("grpc.max_metadata_size", 8 * 1024),
    # From a thousand calls on that nobody has looked at yet, gRPC would cancel some
    # by chance, and their callers hear CANCELLED. Those above our bound are told so.
    ("grpc.server.max_pending_requests", _MOST_PENDING),
    ("grpc.server.max_pending_requests_hard_limit", _MOST_PENDING),
    # A peer that is silent after connect() holds a socket for this long.
    ("grpc.server_handshake_timeout_ms", 3_000),
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    ("grpc.http2.min_ping_interval_without_data_ms", 20_000),
    ("grpc.http2.max_ping_strikes", 2),
)

OPTIONS: Final = (
    *_BOUNDS,
    ("grpc.max_concurrent_streams", 128),
    ("grpc.max_connection_age_grace_ms", 30_000),
    ("grpc.max_connection_idle_ms", 10 * 60 * 1000),
)


def options(*, reuse_port: bool, connection_seconds: float = 300.0) -> list[tuple[str, int]]:
    """Return a server's options.

    With ``reuse_port`` several processes of one authority share the port
    (SO_REUSEPORT): on SQLite, which has one serving process, a second one must
    fail to start. A connection that is ``connection_seconds`` old is ended
    between two calls.
    """
    return [
        *OPTIONS,
        ("grpc.so_reuseport", int(reuse_port)),
        # Long enough to spare handshakes, short enough that a certificate which
        # expired or was revoked at the CA does not live on in an open connection,
        # and that every client finds the way to a process which is new.
        ("grpc.max_connection_age_ms", int(connection_seconds * 1000)),
    ]


def options_for_strangers() -> list[tuple[str, int]]:
    """Return the options of a server whose callers nobody knows.

    An app makes a call or two and leaves. Whoever stays, or begins calls that it
    does not end, loses its connection soon.
    """
    return [
        *_BOUNDS,
        # Well above what an app needs: who comes near it has streams refused by
        # gRPC before there are so many, and hears UNAVAILABLE.
        ("grpc.max_concurrent_streams", 32),
        ("grpc.max_connection_age_ms", 60_000),
        ("grpc.max_connection_age_grace_ms", 10_000),
        ("grpc.max_connection_idle_ms", 20_000),
        ("grpc.so_reuseport", 0),
    ]


class UnfitListener(Exception):
    """The listener cannot be as strict as it must; the message says what to mend."""


def credentials(certificate: bytes, private_key: bytes, client_ca: bytes) -> grpc.ServerCredentials:
    """Return mTLS credentials (all PEM); raise `UnfitListener`.

    The key must be ECDSA P-256: with another one TLS 1.2 would be served.
    """
    _require_strict(certificate, private_key)
    _leaf(client_ca, "client_ca")
    return grpc.ssl_server_credentials(
        [(private_key, certificate)], root_certificates=client_ca, require_client_auth=True
    )


def credentials_for_strangers(certificate: bytes, private_key: bytes) -> grpc.ServerCredentials:
    """Return credentials that ask no client for a certificate; else as `credentials`."""
    _require_strict(certificate, private_key)
    return grpc.ssl_server_credentials([(private_key, certificate)])


def refuses_tls_1_2(host: str, port: int) -> bool:
    """Return whether the listener at ``host``:``port`` is seen to refuse TLS 1.2.

    Only its first record counts: a listener that speaks 1.2 begins a handshake,
    and would refuse us for want of a certificate no sooner than at its end.
    """
    try:
        with socket.create_connection((host, port), timeout=5) as line:
            line.sendall(_client_hello_1_2())
            return line.recv(1) != _HANDSHAKE
    except ConnectionError:
        return True
    except TimeoutError:
        return False


def _client_hello_1_2() -> bytes:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # Nothing secret is sent: whether there is an answer is the question.
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["h2"])
    hello = ssl.MemoryBIO()
    with suppress(ssl.SSLWantReadError):
        context.wrap_bio(ssl.MemoryBIO(), hello).do_handshake()
    return hello.read()


def _require_strict(certificate: bytes, private_key: bytes) -> None:
    """Raise `UnfitListener` unless the two belong together and rule TLS 1.2 out."""
    if _leaf(certificate).public_key() != _p256(private_key).public_key():
        msg = "the server's certificate is not of its private key"
        raise UnfitListener(msg)


def _p256(private_key: bytes) -> ec.EllipticCurvePrivateKey:
    try:
        key = load_pem_private_key(private_key, password=None)
    except (ValueError, TypeError):
        msg = "the server's private key is not an unencrypted PEM key"
        raise UnfitListener(msg) from None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        msg = "the server's private key must be ECDSA P-256: with another, TLS 1.2 would be served"
        raise UnfitListener(msg)
    return key


def _leaf(pem: bytes, what: str = "the server's certificate") -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(pem)
    except ValueError:
        msg = f"{what} is not a PEM certificate"
        raise UnfitListener(msg) from None
