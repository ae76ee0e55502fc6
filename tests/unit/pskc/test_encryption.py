# SPDX-License-Identifier: Apache-2.0
"""How a file may be encrypted, and what is said of all its seeds at once."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from kagimori.adapters.pskc.file import ReadOptions
from kagimori.application.deliveries.vendor_file import (
    Fault,
    InClear,
    MacMethod,
    OneTimeKey,
    PasswordKey,
    PreSharedKey,
    RsaKey,
)
from kagimori.domain.token import Hash
from support.vendors.pskc_files import (
    FIGURE_6,
    RFC_SEED,
    VECTORS,
    VENDOR,
    fault_of,
    file_fault,
    parsed,
    refusal_of,
    token_fault,
)
from support.vendors.pskc_signers import Signer

FIGURE = FIGURE_6.read_bytes()
FIGURE_7 = (VECTORS / "rfc6030-figure7.xml").read_bytes()
PASSWORD = ReadOptions(VENDOR, password="qwerty")

KEY = FIGURE[FIGURE.index(b"<EncryptionKey>") : FIGURE.index(b"</EncryptionKey>")]
MAC = FIGURE[FIGURE.index(b"  <MACMethod") : FIGURE.index(b"</MACMethod>") + 12]
SECRET = FIGURE[FIGURE.index(b"<EncryptedValue>") : FIGURE.index(b"</Secret>")]
METHOD = b"http://www.w3.org/2001/04/xmlenc#"
XENC11 = b"http://www.w3.org/2009/xmlenc11#"


def under(key: bytes) -> bytes:
    """Return Figure 6 with another EncryptionKey."""
    return FIGURE.replace(KEY, b"<EncryptionKey>" + key)


def seeds(algorithm: bytes, octets: int, parameters: bytes = b"") -> bytes:
    """Return a file without a MAC that has a seed under ``algorithm``, of so many octets."""
    value = (
        b'<EncryptedValue><xenc:EncryptionMethod Algorithm="%s">%s</xenc:EncryptionMethod>'
        b"<xenc:CipherData><xenc:CipherValue>%s</xenc:CipherValue></xenc:CipherData>"
        b"</EncryptedValue>" % (algorithm, parameters, base64.b64encode(bytes(octets)))
    )
    return FIGURE.replace(MAC, b"").replace(SECRET, value)


def in_clear(seed: bytes = RFC_SEED) -> bytes:
    plain = b"<PlainValue>%s</PlainValue>" % base64.b64encode(seed)
    document = FIGURE.replace(MAC, b"").replace(SECRET, plain)
    return document.replace(KEY + b"</EncryptionKey>", b"")


@pytest.mark.parametrize(
    ("uri", "name", "shortest"),
    [
        (METHOD + b"kw-aes128", "kw-aes128", 24),
        (METHOD + b"kw-aes192", "kw-aes192", 24),
        (METHOD + b"kw-aes256", "kw-aes256", 24),
        (XENC11 + b"kw-aes-256-pad", "kw-aes256", 24),
        (XENC11 + b"kw-aes128-pad", "kw-aes128", 24),
        (METHOD + b"rsa-1_5", "rsa-1_5", 16),
        (METHOD + b"rsa_1_5", "rsa-1_5", 16),
        (METHOD + b"rsa-oaep-mgf1p", "rsa-oaep-mgf1p", 16),
    ],
)
def test_seeds_that_need_no_mac(uri: bytes, name: str, shortest: int) -> None:
    [token] = parsed(seeds(uri, shortest)).tokens
    assert (token.seed.algorithm, token.seed.mac) == (name, None)
    assert len(token.seed.ciphertext) == shortest
    assert token_fault(seeds(uri, shortest - 1)) is Fault.SEED_TOO_SHORT


@pytest.mark.parametrize(
    ("name", "shortest"),
    [("aes128-cbc", 48), ("aes192-cbc", 48), ("aes256-cbc", 48), ("tripledes-cbc", 32)],
)
def test_cbc_needs_a_mac_and_a_seed_of_128_bits(name: str, shortest: int) -> None:
    uri = METHOD + name.encode()
    assert token_fault(seeds(uri, shortest)) is Fault.MAC_MISSING
    assert token_fault(seeds(uri, shortest - 1)) is Fault.SEED_TOO_SHORT
    [value] = [FIGURE[FIGURE.index(b"<ValueMAC>") : FIGURE.index(b"</Secret>")]]
    document = seeds(uri, shortest).replace(b"</EncryptedValue>", b"</EncryptedValue>" + value)
    document = document.replace(b"  <KeyPackage>", MAC + b"<KeyPackage>")
    [token] = parsed(document).tokens
    assert token.seed.algorithm == name


@pytest.mark.parametrize(
    "uri",
    [
        METHOD + b"kw-tripledes",
        METHOD + b"rsa-oaep",
        XENC11 + b"rsa-oaep",
        XENC11 + b"aes128-gcm",
        b"http://www.w3.org/2001/04/xmldsig-more#camellia128-cbc",
        b"aes128-cbc",
        b"",
    ],
)
def test_any_other_algorithm_is_a_fault(uri: bytes) -> None:
    assert token_fault(seeds(uri, 256)) is Fault.UNSUPPORTED


def test_oaep_may_name_its_digest_if_it_is_sha_1() -> None:
    digest = b'<ds:DigestMethod Algorithm="http://www.w3.org/2000/09/xmldsig#sha1"/>'
    uri = METHOD + b"rsa-oaep-mgf1p"
    assert parsed(seeds(uri, 256, digest)).tokens
    other = digest.replace(b"2000/09/xmldsig#sha1", b"2001/04/xmlenc#sha256")
    assert token_fault(seeds(uri, 256, other)) is Fault.UNSUPPORTED
    assert token_fault(seeds(METHOD + b"kw-aes256", 24, digest)) is Fault.UNSUPPORTED
    label = b"<xenc:OAEPparams>AAAA</xenc:OAEPparams>"
    assert token_fault(seeds(uri, 256, label)) is Fault.UNSUPPORTED


@pytest.mark.parametrize("bits", ["1", "224", "256", "384", "512"])
def test_every_hmac_has_its_name(bits: str) -> None:
    document = FIGURE.replace(
        b"2000/09/xmldsig#hmac-sha1",
        (f"2001/04/xmldsig-more#hmac-sha{bits}").encode(),
    )
    mac = parsed(document).head.mac
    assert isinstance(mac, MacMethod)
    assert (mac.algorithm, mac.key_algorithm) == (f"hmac-sha{bits}", "aes128-cbc")


# --- clear text ---------------------------------------------------------------------


def test_a_file_whose_first_seed_is_in_clear_is_in_clear() -> None:
    read = parsed(in_clear())
    assert read.head.encryption == InClear()
    [token] = read.tokens
    assert (token.seed.algorithm, token.seed.ciphertext) == ("clear", RFC_SEED)


def test_a_seed_in_clear_has_128_bits_too() -> None:
    assert token_fault(in_clear(bytes(15))) is Fault.SEED_TOO_SHORT
    assert parsed(in_clear(bytes(16))).tokens


def test_a_seed_in_clear_in_an_encrypted_file_is_a_fault() -> None:
    plain = b"<PlainValue>MTIzNDU2Nzg5MDEyMzQ1Njc4OTA=</PlainValue>"
    fault = fault_of(FIGURE.replace(SECRET, plain))
    assert fault.fault is Fault.PLAIN_SEED
    assert "known to others" in fault.detail
    assert "MTIz" not in fault.detail


def test_one_file_does_not_mix_clear_and_encrypted_seeds() -> None:
    wrapped = seeds(METHOD + b"kw-aes256", 24).replace(KEY + b"</EncryptionKey>", b"")
    clear = in_clear()
    of_wrapped, of_clear = (
        document[document.index(b"  <KeyPackage>") : document.index(b"</KeyContainer>")]
        for document in (wrapped, clear)
    )
    read = parsed(wrapped.replace(of_wrapped, of_wrapped + of_clear))
    assert read.head.encryption == PreSharedKey(VENDOR)
    assert ([token.seed.algorithm for token in read.tokens], read.faults[0].fault) == (
        ["kw-aes256"],
        Fault.PLAIN_SEED,
    )
    read = parsed(clear.replace(of_clear, of_clear + of_wrapped))
    assert read.head.encryption == InClear()
    assert ([token.seed.algorithm for token in read.tokens], read.faults[0].fault) == (
        ["clear"],
        Fault.UNEXPECTED,
    )


# --- keys from passwords ------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"<Specified>Ej7/PEpyEpw=</Specified>", b"Ej7/PEpyEpw="),
        (b"pkcs5:PBKDF2-params", b"xenc11:PBKDF2-params"),
        (b"<PRF/>", b""),
        (b"<PRF/>", b"<PRF>hmac-sha1</PRF>"),
        (b"<PRF/>", b"<PRF Algorithm='http://www.w3.org/2000/09/xmldsig#hmac-sha1'/>"),
        (b"<IterationCount>1000</IterationCount>", b"<x:IterationCount>1000</x:IterationCount>"),
    ],
)
def test_the_spellings_of_pbkdf2(old: bytes, new: bytes) -> None:
    document = FIGURE_7.replace(old, new)
    document = document.replace(b"Version=", b'xmlns:x="http://www.w3.org/2009/xmlenc11#" Version=')
    salt = bytes.fromhex("123eff3c4a72129c")
    assert parsed(document, PASSWORD).head.encryption == PasswordKey(
        "qwerty", salt, 1000, 16, Hash.SHA1
    )


@pytest.mark.parametrize(("name", "hash_"), [("sha256", Hash.SHA256), ("sha512", Hash.SHA512)])
def test_pbkdf2_with_sha_2(name: str, hash_: Hash) -> None:
    uri = f"http://www.w3.org/2001/04/xmldsig-more#hmac-{name}"
    document = FIGURE_7.replace(b"<PRF/>", f"<PRF Algorithm='{uri}'/>".encode())
    key = parsed(document, PASSWORD).head.encryption
    assert isinstance(key, PasswordKey)
    assert key.prf is hash_


def test_a_password_is_not_shown() -> None:
    assert "qwerty" not in repr(parsed(FIGURE_7, PASSWORD).head) + repr(PASSWORD)


@pytest.mark.parametrize("password", [None, ""])
def test_a_password_that_is_not_given_is_asked_for(password: str | None) -> None:
    options = ReadOptions(VENDOR, password=password)
    assert file_fault(FIGURE_7, options) is Fault.PASSWORD_NEEDED


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        (b">1000<", b">0<", Fault.BAD_VALUE),
        (b">1000<", b">-1<", Fault.BAD_VALUE),
        (b">1000<", b">10000001<", Fault.BAD_VALUE),
        (b">1000<", b">many<", Fault.BAD_VALUE),
        (b"<IterationCount>1000</IterationCount>", b"", Fault.MISSING),
        (b"<KeyLength>16</KeyLength>", b"", Fault.MISSING),
        (b"<KeyLength>16<", b"<KeyLength>15<", Fault.UNSUPPORTED),
        (b"<KeyLength>16<", b"<KeyLength>64<", Fault.BAD_VALUE),
        (b">Ej7/PEpyEpw=<", b"><", Fault.BAD_VALUE),
        (b">Ej7/PEpyEpw=<", b">" + b"AAAA" * 400 + b"<", Fault.TOO_LARGE),
        (b"<Specified>", b"<Specified/><Specified>", Fault.UNEXPECTED),
        (b"<PRF/>", b"<PRF>hmac-md5</PRF>", Fault.UNSUPPORTED),
        (b"<PRF/>", b"<PRF/><PRF/>", Fault.UNEXPECTED),
        (b"<PRF/>", b"<PRF/><xenc11:PRF/>", Fault.UNEXPECTED),
        (b"#pbkdf2", b"#pbes2", Fault.UNSUPPORTED),
    ],
)
def test_a_derivation_that_cannot_be_done_refuses_the_file(
    old: bytes, new: bytes, fault: Fault
) -> None:
    assert old in FIGURE_7
    assert file_fault(FIGURE_7.replace(old, new), PASSWORD) is fault


# --- keys of the HSM's --------------------------------------------------------------


def test_seeds_may_be_under_a_certificate_that_the_file_does_not_carry() -> None:
    issuer = b"<ds:X509SubjectName>CN=hsm</ds:X509SubjectName>"
    head = parsed(under(b"<ds:X509Data>" + issuer + b"</ds:X509Data>")).head
    assert head.encryption == RsaKey(VENDOR, None)


def test_a_certificate_is_kept_as_it_is() -> None:
    certificate = Signer.make("hsm").certificate.public_bytes(Encoding.DER)
    data = b"<ds:X509Data><ds:X509Certificate>%s</ds:X509Certificate></ds:X509Data>"
    head = parsed(under(data % base64.b64encode(certificate))).head
    assert head.encryption == RsaKey(VENDOR, certificate)
    assert file_fault(under(data % b"AAAA")) is Fault.BAD_VALUE


ONE_TIME = (
    b"<xenc:EncryptedKey><xenc:EncryptionMethod"
    b' Algorithm="http://www.w3.org/2001/04/xmlenc#%s">'
    b'<ds:DigestMethod Algorithm="http://www.w3.org/2000/09/xmldsig#sha1"/>'
    b"</xenc:EncryptionMethod><xenc:CipherData><xenc:CipherValue>AAECAwQ="
    b"</xenc:CipherValue></xenc:CipherData></xenc:EncryptedKey>"
)


def test_a_key_inside_the_file_is_under_oaep() -> None:
    head = parsed(under(ONE_TIME % b"rsa-oaep-mgf1p")).head
    assert head.encryption == OneTimeKey(VENDOR, "rsa-oaep-mgf1p", bytes(range(5)))
    bare = ONE_TIME.replace(ONE_TIME[ONE_TIME.index(b"<ds:Dig") : ONE_TIME.index(b"</xenc:E")], b"")
    assert file_fault(under(bare % b"rsa-1_5")) is Fault.UNSUPPORTED
    assert file_fault(under(bare % b"kw-aes256")) is Fault.UNSUPPORTED


def test_a_file_names_one_key() -> None:
    two = ONE_TIME % b"rsa-oaep-mgf1p" + b"<ds:X509Data/>"
    refused = refusal_of(under(two))
    assert refused.fault is Fault.UNEXPECTED
    assert "one key" in refused.detail
