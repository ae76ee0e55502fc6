# SPDX-License-Identifier: Apache-2.0
"""``make demo``: vendors' tokens and three banks' software tokens, step by step.

The codes come from oathtool, the vendor's files from python-pskc: the tokens in
the customers' hands are not our own code. Everything else is the product, run
by its own commands in a directory of its own.
"""

from __future__ import annotations

import contextlib
import functools
import shutil
import sqlite3
import sys
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass

import grpc

from development import environment, oathtool
from development.certificates import AUTHORITY_TENANT
from development.companions import open_a_door_for_apps, post_letters_at
from development.curl import curl_line
from development.environment import ROOT, Environment, kagimori
from development.family_a import walk_all
from development.mailbox import Mailbox
from development.server import ServerProcess, channel
from development.stage import Deed, Stage
from development.steps import wait_within_step
from development.vendor import Device, make_device
from kagimori.api.admin.v1 import admin_pb2, admin_pb2_grpc
from kagimori_client import (
    AuthorityFault,
    BankChannel,
    OtpRejected,
    OtpReplayed,
    TokenLocked,
    UnknownToken,
)
from kagimori_client.token import AuthorityProfile

ABUKUMA = "20160003"
KENSHIN = "10112001"


CBC_DEVICES = [
    make_device("KGTD00000101"),
    make_device("KGTD00000102", "SHA256", digits=8, period=60),
    make_device("KGTD00000103", "SHA512", digits=8, period=30),
    make_device("KGTD00000104", digits=8, period=60),
    make_device("KGTD00000105", period=0),
    make_device("KGTD00000106"),
    make_device("KGTD00000107"),
    make_device("KGTD00000108"),
    make_device("KGTD00000109"),
    make_device("KGTD00000110"),
]
KEYWRAP_DEVICES = [
    make_device("KGTD00000201"),
    make_device("KGTD00000202", "SHA256"),
    make_device("KGTD00000203", "SHA512", digits=8, period=60),
    make_device("KGTD00000204", period=0, counter=41, digits=8),
]
UNBOUND = "KGTD00000109"


@dataclass(frozen=True, slots=True)
class Bank:
    """Abukuma's channel to the authority, and what its customers hold."""

    stage: Stage
    channel: BankChannel
    devices: dict[str, Device]

    def show(self, serial: str, steps: int = 0) -> str:
        """Return what the token shows now, or ``steps`` later; for events, counter ``steps``."""
        device = self.devices[serial]
        if device.period:
            return oathtool.time_code(device, time.time(), steps)
        return oathtool.event_code(device, device.counter + steps)

    def asking(self, serial: str, code: str, request_id: uuid.UUID | None = None) -> Deed:
        """Return the deed of asking the authority about ``code``."""
        return functools.partial(self.channel.verify, code, serial=serial, request_id=request_id)


def main() -> int:
    """Play the whole piece and return the exit code."""
    stage = Stage()
    directory = ROOT / "build" / "demo"
    shutil.rmtree(directory, ignore_errors=True)
    place = environment.prepare(directory, f"127.0.0.1:{environment.free_port()}")
    hold_ceremony(stage, place)
    import_vendor_files(stage, place)
    serve_and_verify(stage, place)
    survive_a_power_cut(stage, place)
    walk_the_guides(stage, place)
    print(f"\nWith `make dev` running in another terminal, try:\n\n{curl_line()}")
    return stage.close()


def hold_ceremony(stage: Stage, place: Environment) -> None:
    """Make the HSM's keys and see what must be refused refused."""
    stage.scene("1. The key ceremony: partitions, keys, and every forbidden act tried")
    done = kagimori("ceremony", place.ceremony)
    stage.say(done.stdout + done.stderr)
    stage.check("the ceremony's own checks", holds=done.returncode == 0)
    again = kagimori("ceremony", place.ceremony)
    stage.check("a second ceremony is refused", holds=again.returncode != 0)
    stage.say((again.stdout + again.stderr).strip().splitlines()[-1])
    stage.scene("2. A development CA: the server's certificate, one client per tenant and role")
    names = sorted(path.stem for path in place.certificates.glob("*.pem"))
    stage.check("certificates", holds=len(names) > 1, shown=f"{len(names)} files")
    stage.say("\n".join(names))


def import_vendor_files(stage: Stage, place: Environment) -> None:
    """Bring both vendors' tokens in; all but one go to a customer at once."""
    stage.scene("3. Two vendors' seed files (PSKC, RFC 6030) for abukuma")
    stage.check(
        "the database is made", holds=not kagimori("database", "--config", place.config).returncode
    )
    applied = environment.apply_tenants(place)
    stage.say(applied.stdout.splitlines()[-1])
    stage.check("the tenants are applied", holds=applied.returncode == 0)
    cbc = place.write_vendor_file("kagi-cbc", CBC_DEVICES)
    keywrap = place.write_vendor_file("kagi-keywrap", KEYWRAP_DEVICES)
    common = ("--config", place.config, "--tenant", "abukuma")
    refused = kagimori("import-tokens", cbc, *common, "--vendor", "kagi-cbc")
    said = refused.stdout.splitlines()
    stage.check(
        "AES-CBC without --allow-host-transient is refused",
        holds=refused.returncode == 1
        and any("HOST_TRANSIENT_NOT_ALLOWED" in line for line in said),
    )
    stage.say("\n".join(said[-3:]))
    for file, vendor, devices, extra in (
        (cbc, "kagi-cbc", CBC_DEVICES, ("--allow-host-transient",)),
        (keywrap, "kagi-keywrap", KEYWRAP_DEVICES, ()),
    ):
        done = kagimori(
            "import-tokens", file, *common, "--vendor", vendor, *extra, *assignments(devices)
        )
        stage.say(done.stdout + done.stderr)
        stage.check(f"{file.name}", holds=done.returncode == 0)


def assignments(devices: list[Device]) -> Iterator[str]:
    """Yield the options that give each device but one to a customer, in use at once."""
    for device in devices:
        if device.serial != UNBOUND:
            yield from ("--assign", f"{device.serial}=customer-{device.serial[-3:]}")
    yield "--activate"


def serve_and_verify(stage: Stage, place: Environment) -> None:
    """Show every outcome over mTLS."""
    with ServerProcess(place), bank_of(stage, place, ABUKUMA) as bank:
        stage.scene("4. The bank verifies what oathtool shows (mTLS, TLS 1.3)")
        every_kind_of_token(bank)
        the_same_code_again(bank)
        wrong_codes_until_the_lock(bank)
        neighbouring_steps(bank)
        what_is_not_the_callers(bank, place)
        a_swapped_blob(bank, place)


@contextlib.contextmanager
def bank_of(stage: Stage, place: Environment, service_id: str) -> Iterator[Bank]:
    """Open a tenant's channel."""
    identity = place.client(service_id)
    with BankChannel(
        place.listen,
        certificate=identity.certificate,
        private_key=identity.private_key,
        authority_ca=place.certificates / "ca.pem",
    ) as link:
        yield Bank(stage, link, {device.serial: device for device in CBC_DEVICES + KEYWRAP_DEVICES})


def every_kind_of_token(bank: Bank) -> None:
    """Accept one code of each."""
    for serial, device in bank.devices.items():
        if serial in {"KGTD00000106", "KGTD00000107", "KGTD00000108", "KGTD00000110", UNBOUND}:
            continue  # their codes are kept for later scenes
        kind = f"time {device.period} s" if device.period else "event"
        what = f"{serial}: {kind}, {device.hash}, {device.digits} digits"
        bank.stage.accepted(what, bank.asking(serial, bank.show(serial)))


def the_same_code_again(bank: Bank) -> None:
    """Offer one code three times: anew, again, and as a retry."""
    serial, request_id = "KGTD00000106", uuid.uuid4()
    code = bank.show(serial)
    first = bank.stage.accepted("a code", bank.asking(serial, code, request_id))
    bank.stage.refused("the same code again", OtpReplayed, bank.asking(serial, code))
    retry = bank.stage.accepted(
        "a retry under the same request_id", bank.asking(serial, code, request_id)
    )
    bank.stage.check("   ... gets the first answer", holds=first == retry is not None)
    event = "KGTD00000105"
    bank.stage.refused(
        "an event-based code again", OtpReplayed, bank.asking(event, bank.show(event))
    )
    bank.stage.accepted(
        "pressed three times since: within the look-ahead",
        bank.asking(event, bank.show(event, 4)),
    )


def wrong_codes_until_the_lock(bank: Bank) -> None:
    """Spend every attempt, then offer the right code."""
    serial = "KGTD00000107"
    for left in (4, 3, 2, 1):
        error = bank.stage.refused(
            "a wrong code", OtpRejected, bank.asking(serial, wrong(bank, serial))
        )
        if getattr(error, "attempts_left", None) != left:
            bank.stage.check(f"   ... with {left} attempts left", holds=False)
    bank.stage.refused("the fifth", TokenLocked, bank.asking(serial, wrong(bank, serial)))
    bank.stage.refused("the right code now", TokenLocked, bank.asking(serial, bank.show(serial)))


def wrong(bank: Bank, serial: str) -> str:
    """Return a code that no step near now has."""
    near = {bank.show(serial, steps) for steps in range(-3, 4)}
    return next(code for code in (f"{n:06d}" for n in range(100)) if code not in near)


def neighbouring_steps(bank: Bank) -> None:
    """Accept the previous and the next step once; refuse two steps off.

    Each direction has its own token: the authority follows a token's clock, and
    no clock is slow and fast at once.
    """
    for serial, towards in (("KGTD00000108", -1), ("KGTD00000110", +1)):
        wait_within_step(bank.devices[serial].period)
        two_off, near = bank.show(serial, 2 * towards), bank.show(serial, towards)
        bank.stage.refused(
            f"{serial}: the code of step {2 * towards:+d}",
            OtpRejected,
            bank.asking(serial, two_off),
        )
        bank.stage.accepted(f"{serial}: the code of step {towards:+d}", bank.asking(serial, near))
        bank.stage.refused("   ... again", OtpReplayed, bank.asking(serial, near))


def what_is_not_the_callers(bank: Bank, place: Environment) -> None:
    """Answer foreign, unbound and unknown alike; keep roles apart."""
    stage, serial = bank.stage, "KGTD00000101"
    answers = [
        stage.refused("an unknown serial", UnknownToken, bank.asking("KGTD99999999", "123456")),
        stage.refused("a serial in stock", UnknownToken, bank.asking(UNBOUND, bank.show(UNBOUND))),
    ]
    with bank_of(stage, place, KENSHIN) as other:
        answers.append(
            stage.refused(
                "the right code, asked by another tenant",
                UnknownToken,
                other.asking(serial, bank.show(serial, 1)),
            )
        )
    told = {(type(answer), answer.args if answer else ()) for answer in answers}
    stage.check("   ... all three are one and the same answer", holds=len(told) == 1)
    stage.check(
        "a channel's certificate may not ask for the HSM's status",
        holds=hsm_status(place, ABUKUMA, "channel") is grpc.StatusCode.PERMISSION_DENIED,
    )
    status = hsm_status(place, AUTHORITY_TENANT, "hsm-admin")
    answering = isinstance(status, admin_pb2.GetHsmStatusResponse) and status.answering
    stage.check("an HSM administrator's may", holds=answering, shown="answering" * answering)


def hsm_status(
    place: Environment, tenant: str, role: str
) -> admin_pb2.GetHsmStatusResponse | grpc.StatusCode:
    """Ask for the HSM's status; return it, or the status code of the refusal."""
    with channel(place, tenant, role) as link:
        try:
            stub = admin_pb2_grpc.AdminServiceStub(link)  # type: ignore[no-untyped-call] # generated
            answer: admin_pb2.GetHsmStatusResponse = stub.GetHsmStatus(
                admin_pb2.GetHsmStatusRequest(), timeout=5.0
            )
        except grpc.RpcError as error:
            return error.code()
        return answer


def a_swapped_blob(bank: Bank, place: Environment) -> None:
    """Put one customer's seed into another's row, as a thief with the database would."""
    victim, thief = "KGTD00000102", "KGTD00000202"
    with contextlib.closing(sqlite3.connect(place.database)) as database, database:
        database.execute(
            "UPDATE tokens SET blob = (SELECT blob FROM tokens WHERE serial = ?) WHERE serial = ?",
            (thief, victim),
        )
    code = oathtool.time_code(bank.devices[victim], time.time(), 1)
    fault = bank.stage.refused(
        "a row whose blob was swapped", AuthorityFault, bank.asking(victim, code)
    )
    bank.stage.check("   ... for its integrity", holds="integrity" in str(fault))


def survive_a_power_cut(stage: Stage, place: Environment) -> None:
    """Kill the server right after an acceptance; the code stays spent."""
    stage.scene("5. kill -9 right after an acceptance, then the same code")
    serial = "KGTD00000202"
    server = ServerProcess(place).start()
    with bank_of(stage, place, ABUKUMA) as bank:
        code = bank.show(serial, 1)
        stage.accepted("a code", bank.asking(serial, code))
    server.kill()
    with ServerProcess(place), bank_of(stage, place, ABUKUMA) as bank:
        stage.refused("after the restart, the same code", OtpReplayed, bank.asking(serial, code))


def walk_the_guides(stage: Stage, place: Environment) -> None:
    """Go through the three banks' guides to the software token, each to its last page."""
    with Mailbox() as mailbox:
        post_letters_at(place, mailbox.port)
        profile = AuthorityProfile.load(open_a_door_for_apps(place))
        with ServerProcess(place):
            walk_all(stage, place, profile, mailbox)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("demo: interrupted")
