# SPDX-License-Identifier: Apache-2.0
"""The demo's verification: every outcome over mTLS, and a power cut after one."""

from __future__ import annotations

import contextlib
import sqlite3
import time
import uuid

import grpc

from development import oathtool
from development.bank import Bank, bank_of
from development.certificates import AUTHORITY_TENANT
from development.deliveries import ABUKUMA, IN_HAND, KINDS, UNBOUND
from development.environment import Environment
from development.server import ServerProcess, channel
from development.stage import Stage
from development.steps import wait_within_step
from kagimori.api.admin.v1 import admin_pb2, admin_pb2_grpc
from kagimori_client import (
    AuthorityFault,
    OtpRejected,
    OtpReplayed,
    TokenLocked,
    UnknownToken,
)

KENSHIN = "10112001"


def verify(stage: Stage, place: Environment) -> None:
    """Show every outcome; the server runs already."""
    with bank_of(stage, place, ABUKUMA, IN_HAND) as bank:
        stage.scene("5. The bank verifies what oathtool shows (mTLS, TLS 1.3)")
        every_kind_of_token(bank)
        the_same_code_again(bank)
        wrong_codes_until_the_lock(bank)
        neighbouring_steps(bank)
        what_is_not_the_callers(bank, place)
        a_swapped_blob(bank, place)


def every_kind_of_token(bank: Bank) -> None:
    """Accept one code of each."""
    for serial in KINDS:
        device = bank.devices[serial]
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
    with bank_of(stage, place, KENSHIN, IN_HAND) as other:
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
    stage.scene("9. kill -9 right after an acceptance, then the same code")
    serial = "KGTD00000202"
    server = ServerProcess(place).start()
    with bank_of(stage, place, ABUKUMA, IN_HAND) as bank:
        code = bank.show(serial, 1)
        stage.accepted("a code", bank.asking(serial, code))
    server.kill()
    with ServerProcess(place), bank_of(stage, place, ABUKUMA, IN_HAND) as bank:
        stage.refused("after the restart, the same code", OtpReplayed, bank.asking(serial, code))
