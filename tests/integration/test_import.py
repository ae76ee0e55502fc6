# SPDX-License-Identifier: Apache-2.0
"""``kagimori import-tokens`` against the real HSM: vendors' files good, bad and hostile."""

from __future__ import annotations

import csv
import hashlib
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import grpc
import pytest
from lxml import etree
from pskc import PSKC

from development import environment
from development.environment import Environment, command, kagimori
from development.server import ServerProcess
from development.vendor import Device, make_device
from kagimori.api.admin.v1 import admin_pb2, admin_pb2_grpc
from support.postgres import Cluster
from support.pskc_bulk import serial_number, wrapped_seeds
from support.pskc_bulk import write_pskc as write_bulk
from support.pskc_files import all_of, changed, without
from support.transport import open_channel

pytestmark = [
    pytest.mark.softhsm,
    pytest.mark.skipif(not Path("/usr/lib/softhsm/libsofthsm2.so").exists(), reason="no SoftHSM"),
]

FLEET = [make_device(f"2V071601{number:04}") for number in range(3)]
SERIALS = [device.serial for device in FLEET]
ALL, NOTHING, SOME_LEFT_OUT, BROKE_OFF = 0, 1, 3, 4


class Desk:
    """The administrator's: runs the command and looks at what it left behind."""

    def __init__(self, place: Environment) -> None:
        self.place = place

    def deliver(self, devices: list[Device], vendor: str = "kagi-cbc") -> Path:
        return self.place.write_vendor_file(vendor, devices)

    def run(self, file: Path, *options: str, vendor: str = "kagi-cbc") -> tuple[int, str]:
        common = ("--config", self.place.config, "--tenant", "abukuma", "--vendor", vendor)
        done = kagimori("import-tokens", file, *common, *options)
        return done.returncode, done.stdout + done.stderr

    def import_(self, file: Path, *options: str) -> tuple[int, str]:
        return self.run(file, "--allow-host-transient", *options)

    def rows(self) -> list[tuple[object, ...]]:
        with closing(sqlite3.connect(self.place.database, timeout=30)) as database:
            return database.execute("SELECT * FROM tokens ORDER BY serial").fetchall()

    def column(self, name: str) -> list[object]:
        with closing(sqlite3.connect(self.place.database, timeout=30)) as database:
            # The names are this file's own.
            query = f"SELECT {name} FROM tokens ORDER BY serial"  # noqa: S608
            return [row[0] for row in database.execute(query)]


@pytest.fixture
def desk(place: Environment) -> Desk:
    return Desk(place)


def test_cbc_comes_in_through_locked_memory(desk: Desk) -> None:
    code, said = desk.import_(desk.deliver(FLEET))
    assert code == ALL, said
    assert said.rstrip().endswith("import: 3 imported, 0 duplicates, 0 refused")
    assert desk.column("serial") == SERIALS
    assert set(desk.column("custody")) == {"HOST_TRANSIENT"}
    assert set(desk.column("state")) == {"IN_STOCK"}


def test_a_key_wrap_stays_in_the_hsm(desk: Desk) -> None:
    file = desk.deliver(FLEET, "kagi-keywrap")
    code, said = desk.run(file, vendor="kagi-keywrap")
    assert code == ALL, said
    assert set(desk.column("custody")) == {"UNWRAPPED_IN_HSM"}
    assert said.count("UNWRAPPED_IN_HSM") == len(FLEET)


def test_the_same_goes_for_postgresql(desk: Desk) -> None:
    with Cluster.running() as cluster:
        text = desk.place.config.read_text()
        url = cluster.create_database()
        desk.place.config.write_text(text.replace(f"sqlite:///{desk.place.database}", url))
        assert environment.apply_tenants(desk.place).returncode == 0
        file = desk.deliver(FLEET, "kagi-keywrap")
        for detail in ("UNWRAPPED_IN_HSM", "by an earlier run"):
            code, said = desk.run(file, vendor="kagi-keywrap")
            assert code == ALL, said
            assert said.count(detail) == len(FLEET)


def test_no_seed_is_in_the_database_or_the_report(desk: Desk, tmp_path: Path) -> None:
    report = tmp_path / "report.csv"
    _, said = desk.import_(desk.deliver(FLEET), "--report", str(report))
    stored = b"".join(path.read_bytes() for path in desk.place.database.parent.glob("kagimori.db*"))
    for device in FLEET:
        assert device.seed not in stored
        assert device.seed.hex() not in said + report.read_text()


def test_cbc_must_be_asked_for(desk: Desk) -> None:
    code, said = desk.run(desk.deliver(FLEET))
    assert (code, desk.rows()) == (NOTHING, [])
    assert "HOST_TRANSIENT_NOT_ALLOWED" in said
    assert "--allow-host-transient" in said


def test_assigned_tokens_can_be_in_use_at_once(desk: Desk) -> None:
    code, said = desk.import_(
        desk.deliver(FLEET), "--assign", f"{SERIALS[1]}=customer-1", "--activate"
    )
    assert code == ALL, said
    assert desk.column("state") == ["IN_STOCK", "ACTIVE", "IN_STOCK"]
    assert desk.column("subscriber") == [None, "customer-1", None]
    assert "customer-1" not in said


# --- again, and dry --------------------------------------------------------------------


def test_the_same_file_again_is_all_in_and_changes_nothing(desk: Desk) -> None:
    file = desk.deliver(FLEET)
    desk.import_(file)
    before = desk.rows()
    code, said = desk.import_(file)
    assert (code, desk.rows()) == (ALL, before)
    assert said.count("by an earlier run") == len(FLEET)


def test_a_duplicate_is_reported_and_not_overwritten(desk: Desk) -> None:
    desk.import_(desk.deliver(FLEET[:1]))
    before = desk.rows()
    code, said = desk.import_(desk.deliver([make_device(SERIALS[0]), FLEET[1]]))
    assert code == SOME_LEFT_OUT
    assert said.rstrip().endswith("import: 1 imported, 1 duplicates, 0 refused")
    assert desk.rows()[0] == before[0]


def test_a_dry_run_writes_nothing(desk: Desk) -> None:
    code, said = desk.import_(desk.deliver(FLEET), "--dry-run")
    assert (code, desk.rows()) == (ALL, [])
    assert said.rstrip().endswith("import: 3 importable, 0 duplicates, 0 refused")


def test_the_report_has_a_line_for_each_serial(desk: Desk, tmp_path: Path) -> None:
    file, report = desk.deliver(FLEET), tmp_path / "report.csv"
    file.write_bytes(spoil_mac(file.read_bytes()))
    assert desk.import_(file, "--report", str(report))[0] == SOME_LEFT_OUT
    with report.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["serial"] for row in rows] == SERIALS
    assert [(row["result"], row["custody"], row["reason"]) for row in rows] == [
        ("IMPORTED", "HOST_TRANSIENT", ""),
        ("IMPORTED", "HOST_TRANSIENT", ""),
        ("REFUSED", "", "MAC_MISMATCH"),
    ]
    assert all(int(row["line"]) > 1 for row in rows)
    assert not report.with_name("report.csv.part").exists()


def test_a_large_import_is_summed_up(desk: Desk) -> None:
    file = bulk(desk, 120)
    code, said = desk.run(file, vendor="kagi-keywrap")
    assert code == ALL, said
    assert "tokens a second" in said
    assert hashlib.sha256(file.read_bytes()).hexdigest() in said
    assert "KAGI00000007" not in said


def test_sigterm_ends_it_after_the_batch_and_another_run_goes_on(desk: Desk) -> None:
    file = bulk(desk, 5_000)
    options = ("--config", desk.place.config, "--tenant", "abukuma", "--vendor", "kagi-keywrap")
    with subprocess.Popen(
        command("import-tokens", file, *options), stderr=subprocess.PIPE, text=True
    ) as running:
        while not desk.column("serial"):
            time.sleep(0.01)
        running.send_signal(signal.SIGTERM)
        _, said = running.communicate()
    assert running.returncode == BROKE_OFF, said
    assert "run it again to go on" in said
    # Whole batches of 256.
    assert len(desk.column("serial")) % 256 == 0
    code, said = desk.run(file, vendor="kagi-keywrap")
    assert (code, len(desk.column("serial"))) == (ALL, 5_000), said


# --- bad tokens, and bad files --------------------------------------------------------------


def swap(document: bytes) -> bytes:
    def exchange(root: etree._Element) -> None:
        first, second = all_of(root, "//pskc:EncryptedValue//xenc:CipherValue")[:2]
        first.text, second.text = second.text, first.text

    return changed(document, exchange)


def spoil_mac(document: bytes) -> bytes:
    def spoil(root: etree._Element) -> None:
        all_of(root, "//pskc:ValueMAC")[2].text = "AAAAAAAAAAAAAAAAAAAAAAAAAAA="

    return changed(document, spoil)


def set_step(seconds: str) -> Callable[[bytes], bytes]:
    def step(root: etree._Element) -> None:
        all_of(root, "//pskc:TimeInterval/pskc:PlainValue")[2].text = seconds

    return lambda document: changed(document, step)


def set_digits(digits: str) -> Callable[[bytes], bytes]:
    def count(root: etree._Element) -> None:
        all_of(root, "//pskc:ResponseFormat")[2].set("Length", digits)

    return lambda document: changed(document, count)


def unknown_algorithm(document: bytes) -> bytes:
    def rename(root: etree._Element) -> None:
        method = all_of(root, "//pskc:EncryptedValue/xenc:EncryptionMethod")[2]
        method.set("Algorithm", "http://www.w3.org/2001/04/xmlenc#rot13")

    return changed(document, rename)


def in_clear(document: bytes) -> bytes:
    secret = b"<pskc:Secret><pskc:PlainValue>MTIzNDU2Nzg5MDEyMzQ1Njc4OTA=</pskc:PlainValue>"
    return document.replace(b"<pskc:Secret>", secret, 1)


def with_doctype(document: bytes) -> bytes:
    doctype = b"<!DOCTYPE k [<!ENTITY x SYSTEM 'file:///etc/hostname'>]><pskc:KeyContainer"
    return document.replace(b"<pskc:KeyContainer", doctype, 1)


BAD_TOKENS: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "wrong MAC": (spoil_mac, "MAC_MISMATCH"),
    "unknown algorithm": (unknown_algorithm, "UNSUPPORTED"),
    "a step of 121 s": (set_step("121"), "BAD_VALUE"),
    "five digits": (set_digits("5"), "UNSUPPORTED"),
    "eleven digits": (set_digits("11"), "UNSUPPORTED"),
}
BAD_FILES: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "empty": (lambda _: b"", "NOT_XML"),
    "every MAC wrong": (lambda document: without(document, "//pskc:MACMethod"), "MAC_MISSING"),
    "a document type": (with_doctype, "DOCTYPE"),
}


def test_a_bad_token_keeps_no_other_out_but_with_all_or_nothing(desk: Desk) -> None:
    for number, (name, (damage, reason)) in enumerate(BAD_TOKENS.items()):
        fleet = [make_device(f"BAD{number}A{place}") for place in range(3)]
        file = desk.deliver(fleet)
        file.write_bytes(damage(file.read_bytes()))
        before = desk.column("serial")
        code, said = desk.import_(file, "--all-or-nothing")
        assert (code, desk.column("serial")) == (NOTHING, before), name
        assert reason in said, name
        code, said = desk.import_(file)
        assert (code, len(desk.column("serial"))) == (SOME_LEFT_OUT, len(before) + 2), name
        assert reason in said, name
        assert fleet[2].serial not in desk.column("serial"), name


def test_swapped_seeds_are_both_refused(desk: Desk) -> None:
    file = desk.deliver(FLEET)
    file.write_bytes(swap(file.read_bytes()))
    code, said = desk.import_(file)
    assert (code, desk.column("serial")) == (SOME_LEFT_OUT, SERIALS[2:])
    assert said.count("MAC_MISMATCH") == 2


def test_a_bad_file_changes_nothing(desk: Desk) -> None:
    desk.import_(desk.deliver(FLEET[:1]))
    before = desk.rows()
    good = desk.deliver([make_device(f"NEW{number}") for number in range(3)])
    for name, (damage, reason) in BAD_FILES.items():
        file = good.with_name("damaged.xml")
        file.write_bytes(damage(good.read_bytes()))
        code, said = desk.import_(file)
        assert (code, desk.rows()) == (NOTHING, before), name
        assert reason in said, name
        assert "Traceback" not in said, name
    # The tests' own witness: undamaged, the same file comes in.
    assert desk.import_(good)[0] == ALL


def test_a_seed_in_clear_is_refused_and_known_for_what_it_is(desk: Desk) -> None:
    file = desk.deliver(FLEET)
    file.write_bytes(in_clear(file.read_bytes()))
    code, said = desk.import_(file)
    assert code in {NOTHING, SOME_LEFT_OUT}
    assert "PLAIN_SEED" in said
    assert SERIALS[0] not in desk.column("serial")


@pytest.mark.parametrize("all_or_nothing", [False, True])
def test_half_a_file_is_half_an_import_or_nothing(desk: Desk, *, all_or_nothing: bool) -> None:
    file = bulk(desk, 600)
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    options = ["--all-or-nothing"] if all_or_nothing else []
    code, said = desk.run(file, *options, vendor="kagi-keywrap")
    assert "TRUNCATED" in said
    assert "line " in said
    if all_or_nothing:
        assert (code, desk.rows()) == (NOTHING, [])
    else:
        assert code == BROKE_OFF
        assert 256 < len(desk.rows()) < 310


def test_a_file_under_another_key_is_refused_in_one_sentence(desk: Desk) -> None:
    file = desk.place.directory / "other.xml"
    write_bulk(file, 300, algorithm="kw-aes256", vendor_key=bytes(32), mac=False)
    code, said = desk.run(file, vendor="kagi-keywrap")
    assert (code, desk.rows()) == (NOTHING, [])
    assert "WRONG_KEY" in said
    assert "KAGI0000" not in said


def test_another_vendor_s_file_is_refused(desk: Desk) -> None:
    code, said = desk.run(desk.deliver(FLEET, "kagi-keywrap"), vendor="nobody")
    assert (code, desk.rows()) == (NOTHING, [])
    assert "UNKNOWN_VENDOR" in said


# --- passwords, clear text, digests ------------------------------------------------------------


def under_password(desk: Desk, password: str) -> Path:
    """Let python-pskc write a file under a password (RFC 6030 §6.2)."""
    container = PSKC()
    for device in FLEET:
        container.add_key(
            id=device.serial,
            serial=device.serial,
            manufacturer="KagiTech",
            secret=device.seed,
            algorithm="urn:ietf:params:xml:ns:keyprov:pskc:totp",
            response_length=6,
            response_encoding="DECIMAL",
            time_interval=30,
        )
    container.encryption.setup_pbkdf2(password, iterations=1000)
    path = desk.place.directory / "password.xml"
    container.write(str(path))
    return path


def test_a_password_comes_from_a_file_and_a_wrong_one_is_told(desk: Desk, tmp_path: Path) -> None:
    file, secret = under_password(desk, "qwerty"), tmp_path / "password"
    secret.write_text("qwertz\n")
    code, said = desk.import_(file, "--password-file", str(secret))
    assert (code, desk.rows()) == (NOTHING, [])
    assert "WRONG_KEY" in said
    assert "qwertz" not in said
    secret.write_text("qwerty\n")
    code, said = desk.import_(file, "--password-file", str(secret))
    assert (code, set(desk.column("custody"))) == (ALL, {"HOST_TRANSIENT"}), said


def test_where_nobody_is_there_a_password_is_not_waited_for(desk: Desk) -> None:
    code, said = desk.import_(under_password(desk, "qwerty"))
    assert (code, desk.rows()) == (NOTHING, [])
    assert "--password-file" in said


def test_seeds_in_clear_need_the_order_and_the_tenant(desk: Desk) -> None:
    file = desk.place.directory / "tokens.csv"
    file.write_text("".join(f"{d.serial},{d.seed.hex()},TOTP,6,30\n" for d in FLEET))
    code, said = desk.run(file, "--csv")
    assert (code, desk.rows()) == (NOTHING, [])
    assert "CLEAR_TEXT_NOT_ALLOWED" in said
    code, said = desk.run(file, "--csv", "--allow-clear-text")
    assert (code, desk.rows()) == (NOTHING, [])
    assert said.count("CUSTODY_NOT_ACCEPTED") == len(FLEET)
    assert FLEET[0].seed.hex() not in said


def test_a_digest_that_the_vendor_did_not_say_refuses_the_file(desk: Desk) -> None:
    file = desk.deliver(FLEET)
    code, said = desk.import_(file, "--sha256", "0" * 64)
    assert (code, desk.rows()) == (NOTHING, [])
    assert "DIGEST_DIFFERS" in said
    digest = hashlib.sha256(file.read_bytes()).hexdigest().upper()
    assert desk.import_(file, "--sha256", digest)[0] == ALL


# --- assignments ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (("--assign", "customer-1"), "SERIAL=SUBSCRIBER"),
        (("--assign", "2V0716010000=c1", "--assign", "2V0716010001=c1"), "one subscriber"),
        (
            ("--all-or-nothing", "--assign", "2V0716019999=customer-1"),
            "2V0716019999",
        ),
    ],
)
def test_an_assignment_that_cannot_be_imports_nothing(
    desk: Desk, options: tuple[str, ...], word: str
) -> None:
    code, said = desk.import_(desk.deliver(FLEET), *options)
    assert (code != ALL, desk.rows()) == (True, [])
    assert word in said


def test_an_assignment_of_what_is_not_in_the_file_is_told_at_the_end(desk: Desk) -> None:
    code, said = desk.import_(desk.deliver(FLEET), "--assign", "2V0716019999=customer-1")
    assert (code, desk.column("serial")) == (SOME_LEFT_OUT, SERIALS)
    assert "NOT_IN_FILE" in said
    assert said.rstrip().endswith("0 refused, 1 not in the file")


def test_a_customer_who_has_a_token_gets_no_second_one(desk: Desk) -> None:
    desk.import_(desk.deliver(FLEET[:1]), "--assign", f"{SERIALS[0]}=customer-1")
    before = desk.rows()
    code, said = desk.import_(desk.deliver(FLEET[1:]), "--assign", f"{SERIALS[1]}=customer-1")
    assert code == SOME_LEFT_OUT
    assert desk.column("serial") == [SERIALS[0], SERIALS[2]]
    assert desk.rows()[0] == before[0]
    assert "CUSTOMER_HAS_TOKEN" in said
    assert "customer-1" not in said


def test_a_link_is_not_followed(desk: Desk, tmp_path: Path) -> None:
    link = tmp_path / "link.xml"
    link.symlink_to(desk.deliver(FLEET))
    code, said = desk.import_(link)
    assert (code, desk.rows()) == (NOTHING, [])
    assert "NOT_A_REGULAR_FILE" in said


def bulk(desk: Desk, count: int) -> Path:
    """Let a vendor deliver many tokens under key wrap."""
    file = desk.place.directory / "bulk.xml"
    key = desk.place.transport_key("kagi-keywrap")
    write_bulk(file, count, algorithm="kw-aes256", vendor_key=key, mac=True)
    return file


# --- the serving process's way ----------------------------------------------------------------


def test_what_opens_inside_the_hsm_comes_in_over_the_wire_too(desk: Desk) -> None:
    file = bulk(desk, 200)
    digest = hashlib.sha256(file.read_bytes()).digest()
    with ServerProcess(desk.place) as server, admin_channel(server.environment) as channel:
        results = sent(channel, digest, desk.place.transport_key("kagi-keywrap"), 200)
    assert {(result.result, result.custody) for result in results} == {
        (admin_pb2.IMPORT_RESULT_IMPORTED, "UNWRAPPED_IN_HSM")
    }
    assert desk.column("serial") == [serial_number(number) for number in range(200)]
    # It is one delivery, whichever way it comes.
    code, said = desk.run(file, vendor="kagi-keywrap")
    assert (code, len(desk.column("serial"))) == (ALL, 200), said


def admin_channel(place: Environment) -> grpc.Channel:
    return open_channel(
        place.listen, place.certificates / "ca.pem", place.client("_authority", "hsm-admin")
    )


def sent(channel: grpc.Channel, digest: bytes, key: bytes, count: int) -> list[Any]:
    """Send the tokens of a bulk file over the wire, in batches of 100."""
    delivery = admin_pb2.Delivery(service_id="20160003", vendor="kagi-keywrap", digest=digest)
    requests = [admin_pb2.ImportTokensRequest(delivery=delivery)]
    for begin in range(0, count, 100):
        numbers = range(begin, begin + 100)
        seeds = zip(numbers, wrapped_seeds(numbers, "kw-aes256", key), strict=True)
        batch = admin_pb2.TokenBatch(tokens=[_delivered(*seed) for seed in seeds])
        requests.append(admin_pb2.ImportTokensRequest(batch=batch))
    stub = admin_pb2_grpc.AdminServiceStub(channel)  # type: ignore[no-untyped-call] # generated
    answers = stub.ImportTokens(iter(requests), timeout=60)
    return [result for answer in answers for result in answer.results]


def _delivered(number: int, ciphertext: bytes) -> admin_pb2.DeliveredToken:
    is_event = number % 2
    return admin_pb2.DeliveredToken(
        serial=serial_number(number),
        factor=admin_pb2.MOVING_FACTOR_EVENT if is_event else admin_pb2.MOVING_FACTOR_TIME,
        hash=admin_pb2.HASH_ALGORITHM_SHA1,
        digits=6,
        period=0 if is_event else 30,
        algorithm="kw-aes256",
        ciphertext=ciphertext,
    )
