# SPDX-License-Identifier: Apache-2.0
"""Banks whose customers name their tokens by serial number, wired as a serving process is.

A real listener, a real HSM, a real database; oathtool shows the tokens and the cards.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final
from uuid import UUID

from development import oathtool
from development.vendor import Device
from fakes.vault import hotp
from kagimori.adapters.sql.enrollment.enrollments import SqlEnrollmentStore
from kagimori.adapters.sql.inventory.card_stock import SqlCardStock
from kagimori.adapters.sql.verification.store import SqlVerificationStore
from kagimori.application.enrollment.requirement import GetOtpRequirement
from kagimori.application.grid_cards.ports import card_identity
from kagimori.application.grid_cards.printing_ports import NewCard
from kagimori.application.subscribers import kept_name
from kagimori.application.verification.engine import Bounds, Engine
from kagimori.application.verification.verify import VerifyOtp
from kagimori.bootstrap.assisting import assistance
from kagimori.bootstrap.enrolling import enrollment_desk
from kagimori.bootstrap.signing import signing_desk
from kagimori.domain.grid_card import COLUMNS
from kagimori.domain.policy import AttemptLimits, Operation
from kagimori.domain.tenant import Registration, SubscriberNames, TenantPolicy, When
from kagimori.domain.token import CustodyLabel, Hash
from kagimori.processes.asked import use_cases_of
from kagimori.transport.server import UseCases
from kagimori_client import GridAnswer, GridChallenge, TokenRegistrar
from support.custody.hsm import HsmFiles
from support.databases.database import AnyDatabase
from support.phones.envelopes import provisioning_pem, seal
from support.served.hardware_bank import SEED_OCTETS, TOKYO, HardwareBank, served
from support.served.transport import on_loop
from support.tokens import OTHER_TENANT, SERIAL, TENANT

CUT_OVER: Final = date(2027, 1, 15)
_OPERATIONS: Final = {
    Operation.LOGIN: When.BY_CHOICE,
    Operation.TRANSFER: When.ALWAYS,
    Operation.BILL_PAYMENT: When.ALWAYS,
}


@dataclass
class SerialBank(HardwareBank):
    """`TENANT` has no cards; `OTHER_TENANT` has, and keeps customers' numbers as digests."""

    policies: dict[str, TenantPolicy] = field(
        default_factory=lambda: {
            TENANT: TenantPolicy(
                "kakeshin",
                TENANT,
                TOKYO,
                # For tests that are not about limits.
                AttemptLimits(consecutive=20, daily=200, since_unlock=1000),
                operations=_OPERATIONS,
                registration=Registration(daily_tries=100, cut_over=CUT_OVER),
            ),
            OTHER_TENANT: TenantPolicy(
                "abukuma",
                OTHER_TENANT,
                TOKYO,
                operations=_OPERATIONS,
                subscriber_names=SubscriberNames.HMAC,
                registration=Registration(grid_card=True),
            ),
        }
    )

    _shown: set[str] = field(default_factory=set)

    def rule(self, tenant: str = TENANT, **changes: Any) -> None:  # noqa: ANN401 - of Registration
        """Change a bank's rules of registration."""
        policy = self.policies[tenant]
        assert policy.registration is not None
        changed = replace(policy.registration, **changes)
        self.policies[tenant] = replace(policy, registration=changed)

    def offer_nothing(self, tenant: str = TENANT) -> None:
        """Make it a bank whose tokens come by mail."""
        self.policies[tenant] = replace(self.policies[tenant], registration=None)

    def drawn(self, serial: str, period: int) -> Device:
        """Return a device none of whose codes a test can take for another, or for another's."""
        while True:
            device = super().drawn(serial, period)
            first = int(self.now) // period - 5 if period else 0
            codes = {hotp(device.seed, step, device.digits) for step in range(first, first + 40)}
            if len(codes) == 40 and not codes & self._shown:
                self._shown |= codes
                return device

    def use_cases(self) -> tuple[Engine, UseCases]:
        """Return what a serving process is wired of."""
        opened, vault, policies = self.database.open(), self.vault, self.policies
        engine = Engine(SqlVerificationStore(opened), vault, Bounds())
        verify = VerifyOtp(engine, vault, policies, lambda: self.now)
        mailless: Any = None
        authority: Any = SimpleNamespace(
            verify=verify,
            require=GetOtpRequirement(SqlEnrollmentStore(opened), vault, policies),
            enrollment=enrollment_desk(opened, vault, mailless, policies, verify),
            vault=vault,
            receive=None,
            assistance=assistance(opened, vault, policies),
            signing=signing_desk(opened, vault, policies, verify),
        )
        return engine, use_cases_of(authority)

    def shown(self, device: Device, step: int) -> str:
        """Return what oathtool shows ``step`` presses from the first, or periods from now."""
        if not device.period:
            return oathtool.event_code(device, step)
        return oathtool.time_code(device, self.now, step)

    def registered(
        self, page: TokenRegistrar, serial: str = SERIAL, customer: str = "customer-4711"
    ) -> Device:
        """Have a customer take a new event-based token into use, by its first code."""
        device = self.deliver(serial)
        page.register_token(customer, serial, self.shown(device, 0), login_otp=True)
        return device

    def kept(self) -> list[dict[str, Any]]:
        """Return all there is of tokens and exchanges, but for the attempts spent."""
        tokens = self.database.run("SELECT serial, state, subscriber, last_step FROM tokens")
        exchanges = self.database.run("SELECT state, serial_before, serial_after FROM replacements")
        return [dict(row) for row in (*tokens, *exchanges)]

    def print_card(self, subscriber_ref: str, tenant: str = OTHER_TENANT) -> Card:
        """Give a customer a grid card; the seed is the test's, so that oathtool can show it."""
        card = Card(secrets.token_bytes(SEED_OCTETS))
        envelope = seal(provisioning_pem(self.files, tenant), card.seed)
        (sealed,) = on_loop(self.vault.seal_envelopes(tenant, 1, [envelope], Hash.SHA1))
        printed = replace(sealed, custody=CustodyLabel.CELLS_PRINTED)
        kept = kept_name(self.vault, self.policies[tenant], subscriber_ref)
        number = f"C{secrets.randbelow(10**9):09d}"
        of = card_identity(tenant, f"card-{number}", number, kept, printed)
        stock = SqlCardStock(self.database.open())
        on_loop(stock.add([NewCard(of, self.vault.row_mac(of))], "printer"))
        return card


@dataclass(frozen=True, slots=True)
class Card:
    """A grid card in a customer's hand."""

    seed: bytes = field(repr=False)

    def answer(self, challenge: GridChallenge) -> GridAnswer:
        """Return what stands at the two positions."""
        first, second = (self.cell(column) for column in challenge.columns)
        return challenge.answer(first, second)

    def wrong(self, challenge: GridChallenge) -> GridAnswer:
        """Return an answer the second half of which is wrong."""
        first, second = (self.cell(column) for column in challenge.columns)
        return challenge.answer(first, f"{(int(second) + 1) % 10_000:04d}")

    def cell(self, column: str) -> str:
        """Return what oathtool makes of a column: the last four digits of HOTP."""
        place = COLUMNS.index(column)
        return oathtool.event_code(Device("CARD", self.seed, period=0), place)[-4:]


@contextmanager
def serial_bank(files: HsmFiles, database: AnyDatabase, directory: Path) -> Iterator[SerialBank]:
    """Serve until the block ends."""
    with served(SerialBank, files, database, directory) as bank:
        yield bank


def request_id(number: int) -> UUID:
    """Return the name of a call that a test makes twice."""
    return UUID(int=0x0192B3C45D6E7F809123456789AB0000 + number)
