# SPDX-License-Identifier: Apache-2.0
"""Banks with hardware tokens: a real listener, a real HSM, and oathtool as the tokens."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import pytest

from development.certificates import CertificateAuthority, new_authority
from development.vendor import Device
from kagimori.adapters.sql.enrollment.enrollments import SqlEnrollmentStore
from kagimori.adapters.sql.inventory.desk import SqlDesk
from kagimori.adapters.sql.verification.store import SqlVerificationStore
from kagimori.adapters.vault import HsmVault, Sessions
from kagimori.application.enrollment.activate import ActivateToken
from kagimori.application.enrollment.deregister import DeregisterToken
from kagimori.application.enrollment.requirement import GetOtpRequirement
from kagimori.application.enrollment.status import GetEnrollment
from kagimori.application.enrollment.unlock import UnlockToken
from kagimori.application.inventory.desk import AssignToken, GetToken, ReturnToken
from kagimori.application.verification.engine import Bounds, Engine
from kagimori.application.verification.verify import VerifyOtp
from kagimori.domain.lifecycle import State
from kagimori.domain.tenant import SubscriberNames, TenantPolicy
from kagimori.domain.token import Hash, MovingFactor, Profile
from kagimori.transport.enrollment import Counter, Issuing
from kagimori.transport.server import UseCases, build_server
from kagimori_client.connection import Connection
from support.custody.hsm import HsmFiles
from support.custody.vault import hsm_of
from support.databases.database import AnyDatabase
from support.databases.inventory import Inventory
from support.phones.envelopes import provisioning_pem, seal
from support.served.transport import PATIENCE, Scripted, ScriptedEnrollment, on_loop, settings_of
from support.tokens import OTHER_TENANT, TENANT, identity, token

TOKYO = ZoneInfo("Asia/Tokyo")
# RFC 4226 §4, R6 wants 128 bits at least; an envelope holds 512.
SEED_OCTETS = 64

C = TypeVar("C", bound=Connection)
B = TypeVar("B", bound="HardwareBank")


@dataclass
class HardwareBank:
    """The two banks `TENANT` and `OTHER_TENANT`; ``now`` is the clock of their codes.

    The first keeps its customers' numbers as they are, the second as digests.
    """

    files: HsmFiles
    database: AnyDatabase
    vault: HsmVault
    authority: CertificateAuthority
    now: float = 1_775_000_010.0
    target: str = ""
    _open: ExitStack = field(default_factory=ExitStack)

    def deliver(self, serial: str, *, period: int = 0, tenant: str = TENANT) -> Device:
        """Put a new token into a bank's stock; period 0 is event-based."""
        device = self.drawn(serial, period)
        factor = MovingFactor.TIME if period else MovingFactor.EVENT
        envelope = seal(provisioning_pem(self.files, tenant), device.seed)
        (sealed,) = on_loop(self.vault.seal_envelopes(tenant, 1, [envelope], Hash.SHA1))
        of = identity(
            Profile(factor, Hash.SHA1, device.digits, period),
            tenant=tenant,
            serial=serial,
            token_id=f"token-{serial}",
            subscriber=None,
            seed=sealed,
        )
        mac = self.vault.row_mac(of)
        new = token(of, state=State.IN_STOCK, row_mac=mac)
        Inventory(self.database.open()).add([new], "importer")
        return device

    def drawn(self, serial: str, period: int) -> Device:
        """Return a device with a fresh seed."""
        return Device(serial, secrets.token_bytes(SEED_OCTETS), period=period)

    def connect(self, kind: type[C], role: str, tenant: str = TENANT, name: str = "core-1") -> C:
        """Return a connection of a bank's that is closed with the listener."""
        who = self.authority.client(tenant, role, name)
        connection = kind(
            self.target,
            certificate=who.certificate,
            private_key=who.private_key,
            authority_ca=self.authority.ca_file,
            timeout=PATIENCE,
        )
        self._open.callback(connection.close)
        return connection

    def row(self, serial: str) -> dict[str, Any]:
        """Return a token's row."""
        rows = self.database.run("SELECT * FROM tokens")
        (found,) = [row for row in rows if row["serial"] == serial]
        return dict(found)

    def close(self) -> None:
        """Close what was connected."""
        self._open.close()

    def use_cases(self) -> tuple[Engine, UseCases]:
        """Return what a serving process would be wired of."""
        opened, vault = self.database.open(), self.vault
        policies = {name: TenantPolicy("bank", name, TOKYO) for name in (TENANT, OTHER_TENANT)}
        policies[OTHER_TENANT] = replace(
            policies[OTHER_TENANT], subscriber_names=SubscriberNames.HMAC
        )
        customers, tokens = SqlEnrollmentStore(opened), SqlDesk(opened)
        engine = Engine(SqlVerificationStore(opened), vault, Bounds())
        verify = VerifyOtp(engine, vault, policies, lambda: self.now)
        enrollment = replace(
            ScriptedEnrollment().use_cases(),
            issuing=Issuing(
                issue=Scripted(),
                activate=ActivateToken(verify, customers, vault, policies),
                deregister=DeregisterToken(customers, vault, policies),
                status=GetEnrollment(customers, vault, policies),
            ),
            counter=Counter(
                unlock=UnlockToken(customers, tokens, vault, policies),
                assign=AssignToken(tokens, vault, vault, policies),
                token=GetToken(tokens),
                take_back=ReturnToken(tokens, vault),
            ),
        )
        require = GetOtpRequirement(customers, vault, policies)
        return engine, UseCases(verify, require, enrollment, vault)


@contextmanager
def hardware_bank(
    files: HsmFiles, database: AnyDatabase, directory: Path
) -> Iterator[HardwareBank]:
    """Serve until the block ends."""
    with served(HardwareBank, files, database, directory) as bank:
        yield bank


@contextmanager
def served(kind: type[B], files: HsmFiles, database: AnyDatabase, directory: Path) -> Iterator[B]:
    """Serve banks of that ``kind`` until the block ends."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOFTHSM2_CONF", str(files.conf))
        vault = HsmVault.open(hsm_of(files), Sessions(2, 5, cache_entries=64, cache_seconds=60))
        bank = kind(files, database, vault, new_authority(directory))
        try:
            with _listening(bank):
                yield bank
        finally:
            vault.close()


@contextmanager
def _listening(bank: HardwareBank) -> Iterator[None]:
    served = frozenset({TENANT, OTHER_TENANT})
    settings = settings_of(bank.authority, tenants=served)
    engine, use_cases = bank.use_cases()

    async def start() -> Any:  # noqa: ANN401 - the server
        await engine.__aenter__()
        server = build_server(settings, use_cases, {"hsm": bank.vault.ping, "database": _at_once})
        await server.start()
        return server

    async def stop() -> None:
        await server.stop(grace=0.5)
        await engine.__aexit__(None, None, None)

    server = on_loop(start())
    bank.target = f"localhost:{server.port}"
    try:
        yield
    finally:
        bank.close()
        on_loop(stop())


async def _at_once() -> None:
    """Stand for a database that answers."""
