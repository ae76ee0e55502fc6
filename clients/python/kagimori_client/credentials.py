# SPDX-License-Identifier: Apache-2.0
"""The bank's certificate, its key and the authority's CA, looked at before use.

gRPC looks at them only when it connects, and then reports whatever is wrong with
them like an authority that is away.
"""

from __future__ import annotations

import os
import ssl
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import grpc

Pem = bytes | str | os.PathLike[str]
"""PEM octets, or the path of a file that holds them."""

# A good key of another kind leaves OpenSSL with no certificate for that kind.
_MISMATCHES: Final = ("KEY_VALUES_MISMATCH", "KEY_TYPE_MISMATCH", "NO_CERTIFICATE_ASSIGNED")


def credentials_of(
    *, certificate: Pem, private_key: Pem, authority_ca: Pem
) -> grpc.ChannelCredentials:
    """Return TLS credentials, or raise an error that names the argument.

    `TypeError` and `ValueError` are about what was given, `OSError` about a file
    that cannot be read. No error quotes key material.

    ``private_key`` is tried together with ``certificate`` on Linux only: the
    standard library reads a key from nothing but a file, and a key is never
    written to a disk here. Elsewhere a wrong key shows at the first call.
    """
    chain = _octets("certificate", certificate)
    key = _octets("private_key", private_key)
    ca = _octets("authority_ca", authority_ca)
    _check_certificates("certificate", chain)
    _check_certificates("authority_ca", ca)
    _check_pair(chain, key)
    return grpc.ssl_channel_credentials(ca, key, chain)


def _octets(name: str, pem: object) -> bytes:
    if isinstance(pem, bytes):
        return pem
    if not isinstance(pem, str | os.PathLike):
        msg = f"{name} must be PEM as bytes, or the path of a PEM file"
        raise TypeError(msg)
    # Opened as a file, it would be quoted by the error that says there is none.
    if "-----BEGIN" in os.fspath(pem):
        msg = f"{name} is PEM as str: give it as bytes, or give the path of a PEM file"
        raise ValueError(msg)
    return Path(pem).read_bytes()


def _check_certificates(name: str, pem: bytes) -> None:
    # `ssl` takes ASCII only, gRPC any comment around the certificates.
    text = pem.decode("ascii", "replace").replace("\N{REPLACEMENT CHARACTER}", "?")
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=text)
    except (ssl.SSLError, ValueError) as error:
        msg = f"{name} must hold a certificate in PEM"
        raise ValueError(msg) from error


def _check_pair(chain: bytes, key: bytes) -> None:
    if sys.platform != "linux":
        return
    try:
        with _in_memory(chain) as chain_file, _in_memory(key) as key_file:
            _load_pair(chain_file, key_file)
    except OSError:
        # A sandbox without such files: the first call will tell.
        return


@contextmanager
def _in_memory(octets: bytes) -> Iterator[str]:
    """Yield the path of a file that holds ``octets`` and is on no disk."""
    with open(os.memfd_create("kagimori-client"), "wb") as file:  # noqa: PTH123 - no path
        file.write(octets)
        file.flush()
        yield f"/proc/self/fd/{file.fileno()}"


def _load_pair(chain_file: str, key_file: str) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # How long a key must be is for the authority to say, not for this machine's OpenSSL.
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    try:
        # Without a password, OpenSSL would ask for one at the terminal.
        context.load_cert_chain(chain_file, key_file, password="")
    except ssl.SSLError as error:
        mismatch = error.reason in _MISMATCHES
        wanted = "be the key of certificate" if mismatch else "hold a key in PEM, not encrypted"
        msg = f"private_key must {wanted}"
        raise ValueError(msg) from error
