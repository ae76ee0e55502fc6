# SPDX-License-Identifier: Apache-2.0
"""Big vendor files, written fast: what a million tokens look like.

The seeds of a whole batch are wrapped at once, by one call to AES for each round
of the key wrap (RFC 5649 §4.1, RFC 3394 §2.2.1) or each block of CBC.
"""

from __future__ import annotations

import base64
import hmac
import sys
from array import array
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final, Literal

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.keywrap import aes_key_wrap

Algorithm = Literal["kw-aes256", "aes128-cbc", "aes256-cbc"]
Encrypt = Callable[[bytes], bytes]

MAC_KEY: Final = hmac.digest(b"bulk", b"mac key", "sha256")
"""The key of the files' HMAC-SHA256."""
SEED_OCTETS: Final = 20
_BATCH: Final = 2048
_ROUNDS: Final = 6
_XMLENC: Final = "http://www.w3.org/2001/04/xmlenc#"
_HMAC: Final = "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256"

_HEAD: Final = """<?xml version="1.0" encoding="UTF-8"?>
<KeyContainer Version="1.0" xmlns="urn:ietf:params:xml:ns:keyprov:pskc"
    xmlns:ds="http://www.w3.org/2000/09/xmldsig#"
    xmlns:xenc="http://www.w3.org/2001/04/xmlenc#">
 <EncryptionKey>
  <ds:KeyName>transport</ds:KeyName>
 </EncryptionKey>
"""
_MAC_METHOD: Final = f""" <MACMethod Algorithm="{_HMAC}">
  <MACKey>
   <xenc:EncryptionMethod Algorithm="{_XMLENC}%s"/>
   <xenc:CipherData>
    <xenc:CipherValue>%s</xenc:CipherValue>
   </xenc:CipherData>
  </MACKey>
 </MACMethod>
"""
_PACKAGE: Final = f""" <KeyPackage>
  <DeviceInfo>
   <Manufacturer>KagiTech</Manufacturer>
   <SerialNo>%s</SerialNo>
   <Model>K1</Model>
  </DeviceInfo>
  <Key Id="%s" Algorithm="urn:ietf:params:xml:ns:keyprov:pskc:%s">
   <Issuer>KagiTech</Issuer>
   <AlgorithmParameters>
    <ResponseFormat Length="6" Encoding="DECIMAL"/>
   </AlgorithmParameters>
   <Data>
    <Secret>
     <EncryptedValue>
      <xenc:EncryptionMethod Algorithm="{_XMLENC}%s"/>
      <xenc:CipherData>
       <xenc:CipherValue>%s</xenc:CipherValue>
      </xenc:CipherData>
     </EncryptedValue>%s
    </Secret>
    %s
   </Data>
  </Key>
 </KeyPackage>
"""
_VALUE_MAC: Final = "\n     <ValueMAC>%s</ValueMAC>"
_MOVING: Final = (
    ("totp", "<TimeInterval><PlainValue>30</PlainValue></TimeInterval>"),
    ("hotp", "<Counter><PlainValue>0</PlainValue></Counter>"),
)
_TAIL: Final = "</KeyContainer>\n"


def seed_number(number: int) -> bytes:
    """Return the seed of token ``number``: 20 octets, always the same."""
    return hmac.digest(b"bulk seed", number.to_bytes(8, "big"), "sha1")


def serial_number(number: int) -> str:
    """Return the serial of token ``number``."""
    return f"KAGI{number:08d}"


def write_pskc(  # noqa: PLR0913 - what a delivery can differ in
    path: Path,
    count: int,
    *,
    algorithm: Algorithm,
    vendor_key: bytes,
    mac: bool,
    first: int = 0,
) -> None:
    """Write ``count`` tokens, numbered from ``first``: even ones TOTP, odd ones HOTP.

    All have six digits and SHA-1; ``vendor_key`` is as long as ``algorithm`` says.
    """
    with path.open("w", encoding="ascii", newline="") as file:
        file.write(_HEAD)
        if mac:
            file.write(_MAC_METHOD % (algorithm, _text(wrapped_mac_key(algorithm, vendor_key))))
        for begin in range(first, first + count, _BATCH):
            numbers = range(begin, min(begin + _BATCH, first + count))
            file.writelines(_packages(numbers, algorithm, vendor_key, mac=mac))
        file.write(_TAIL)


def wrapped_seeds(numbers: Sequence[int], algorithm: Algorithm, vendor_key: bytes) -> list[bytes]:
    """Return the encrypted seeds of the tokens ``numbers``."""
    # ECB is the bare block cipher here: the mode is made of it below.
    cipher = Cipher(algorithms.AES(vendor_key), modes.ECB())  # noqa: S305
    wrap = _padded_wraps if algorithm == "kw-aes256" else _cbc
    return list(wrap(numbers, cipher.encryptor().update))


def wrapped_mac_key(algorithm: Algorithm, vendor_key: bytes) -> bytes:
    """Return the encrypted MAC key of the files."""
    if algorithm == "kw-aes256":
        return aes_key_wrap(vendor_key, MAC_KEY)
    initial = bytes(range(16))
    encryptor = Cipher(algorithms.AES(vendor_key), modes.CBC(initial)).encryptor()
    return initial + encryptor.update(MAC_KEY + bytes([16]) * 16) + encryptor.finalize()


def _packages(
    numbers: Sequence[int], algorithm: Algorithm, vendor_key: bytes, *, mac: bool
) -> Iterator[str]:
    encrypted = wrapped_seeds(numbers, algorithm, vendor_key)
    for number, ciphertext in zip(numbers, encrypted, strict=True):
        kind, moving = _MOVING[number % 2]
        value_mac = hmac.digest(MAC_KEY, ciphertext, "sha256") if mac else b""
        serial = serial_number(number)
        yield _PACKAGE % (
            serial,
            serial,
            kind,
            algorithm,
            _text(ciphertext),
            _VALUE_MAC % _text(value_mac) if mac else "",
            moving,
        )


def _padded_wraps(numbers: Sequence[int], encrypt: Encrypt) -> Iterator[bytes]:
    """Wrap many seeds by RFC 5649, whose steps are those of RFC 3394 for all at once."""
    seeds = [seed_number(number) for number in numbers]
    padding = bytes(-SEED_OCTETS % 8)
    parts = (SEED_OCTETS + len(padding)) // 8
    plain = array("Q", b"".join(seed + padding for seed in seeds))
    rows = [plain[part::parts] for part in range(parts)]
    check = array("Q", (b"\xa6\x59\x59\xa6" + SEED_OCTETS.to_bytes(4, "big")) * len(seeds))
    blocks = array("Q", bytes(16 * len(seeds)))
    for step in range(_ROUNDS * parts):
        blocks[0::2], blocks[1::2] = check, rows[step % parts]
        done = array("Q", encrypt(blocks.tobytes()))
        check = array("Q", _xor(done[0::2].tobytes(), (step + 1).to_bytes(8, "big") * len(seeds)))
        rows[step % parts] = done[1::2]
    whole = array("Q", bytes(8 * (parts + 1) * len(seeds)))
    for part, row in enumerate((check, *rows)):
        whole[part :: parts + 1] = row
    return _cut(whole.tobytes(), 8 * (parts + 1))


def _cbc(numbers: Sequence[int], encrypt: Encrypt) -> Iterator[bytes]:
    """Encrypt many seeds by CBC, padded by PKCS #7, which XML Encryption allows, too."""
    pad = 32 - SEED_OCTETS
    plain = [seed_number(number) + bytes([pad]) * pad for number in numbers]
    initial = b"".join(_initial(number) for number in numbers)
    first = encrypt(_xor(initial, b"".join(part[:16] for part in plain)))
    second = encrypt(_xor(first, b"".join(part[16:] for part in plain)))
    for parts in zip(_cut(initial, 16), _cut(first, 16), _cut(second, 16), strict=True):
        yield b"".join(parts)


def _initial(number: int) -> bytes:
    return hmac.digest(b"bulk iv", number.to_bytes(8, "big"), "sha256")[:16]


def _xor(one: bytes, other: bytes) -> bytes:
    order = sys.byteorder
    number = int.from_bytes(one, order) ^ int.from_bytes(other, order)
    return number.to_bytes(len(one), order)


def _cut(whole: bytes, size: int) -> Iterator[bytes]:
    return (whole[at : at + size] for at in range(0, len(whole), size))


def _text(value: bytes) -> str:
    return base64.b64encode(value).decode()
