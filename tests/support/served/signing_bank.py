# SPDX-License-Identifier: Apache-2.0
"""Banks whose customers sign transfers, wired as a serving process is.

A real listener, a real HSM, a real database; openssl computes what an app shows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from development.openssl_ocra import code_of_text, code_of_typed
from kagimori.application.subscribers import kept_name
from kagimori.domain.policy import Operation
from kagimori.domain.tenant import Signing, SoftwareTokens, SubscriberNames, TenantPolicy, When
from kagimori.domain.token import CustodyLabel
from kagimori.domain.transaction import SigningProfile
from kagimori_client import BankChannel, OtpRefused, Receipt, Transaction, TransactionChallenge
from support.custody.hsm import HsmFiles
from support.databases.database import AnyDatabase
from support.databases.inventory import Inventory
from support.pages.bank_page import failure
from support.pages.signing_page import TRANSACTION
from support.phones.signing import SigningToken, hsm_signing_token, write_signing_seed
from support.served.hardware_bank import TOKYO, served
from support.served.serial_bank import SerialBank
from support.tokens import OTHER_TENANT, TENANT

CUSTOMER: Final = "customer-4711"
FROM_AMOUNT: Final = 100_000
MINUTES: Final = 5


def _policy(name: str, tenant: str, **changed: Any) -> TenantPolicy:  # noqa: ANN401 - any rule
    rules: dict[str, Any] = {
        "operations": dict.fromkeys((Operation.LOGIN, Operation.TRANSFER), When.ALWAYS),
        "tokens": SoftwareTokens(digits=8, period=60, transaction_signing=True),
        "signing": Signing(FROM_AMOUNT, MINUTES, frozenset(SigningProfile)),
        **changed,
    }
    return TenantPolicy(name, tenant, TOKYO, **rules)


@dataclass
class SigningBank(SerialBank):
    """Both banks offer signatures; `OTHER_TENANT` keeps customers' numbers as digests."""

    policies: dict[str, TenantPolicy] = field(
        default_factory=lambda: {
            TENANT: _policy("kumamoto", TENANT),
            OTHER_TENANT: _policy("kitashin", OTHER_TENANT, subscriber_names=SubscriberNames.HMAC),
        }
    )

    def enrol(self, customer: str = CUSTOMER, tenant: str = TENANT) -> SigningToken:
        """Give a customer an app's token, in use at once; it cannot be taken for another's."""
        kept = kept_name(self.vault, self.policies[tenant], customer)
        rows = self.database.run("SELECT serial FROM tokens")
        number = f"{len(rows):010d}"
        app = hsm_signing_token(
            self.vault,
            self.files,
            tenant=tenant,
            token_id=f"token-{number}",
            serial=f"KG{number}",
            subscriber=kept,
        )
        assert app.login.identity.seed.custody is CustodyLabel.SEALED_BY_APP
        Inventory(self.database.open()).add([app.login], "importer")
        write_signing_seed(self.database, app.signing)
        return app

    def offer(self, tenant: str = TENANT, *, signing: bool = True, **changed: Any) -> None:  # noqa: ANN401 - of Signing
        """Change a bank's rules of signatures."""
        policy = self.policies[tenant]
        self.policies[tenant] = replace(
            policy,
            tokens=replace(policy.tokens, transaction_signing=signing),
            signing=replace(policy.signing, **changed),
        )

    def row_of(self, app: SigningToken) -> dict[str, Any]:
        """Return the row of an app's token."""
        return self.row(app.login.identity.serial)

    def typed_code(self, app: SigningToken, challenge: TransactionChallenge, steps: int = 0) -> str:
        """Return what openssl makes of what is typed, ``steps`` periods from now."""
        typed = challenge.typed
        assert typed is not None
        at = int(self.now) + 30 * steps
        return code_of_typed(app.signing_seed, typed.account + typed.amount, at)


def scanned_code(app: SigningToken, challenge: TransactionChallenge) -> str:
    """Return what openssl makes of what is scanned."""
    assert challenge.text is not None
    return code_of_text(app.signing_seed, challenge.text)


def offered(
    core: BankChannel, challenge: TransactionChallenge, code: str, **changed: object
) -> Receipt:
    """Offer a code for what the bank carries out, which is what it asked for."""
    words: dict[str, Any] = {
        "subscriber_ref": CUSTOMER,
        "challenge": challenge,
        "transaction": TRANSACTION,
        **changed,
    }
    return core.verify_transaction(code, **words)


def asked(
    core: BankChannel, transaction: Transaction = TRANSACTION, **changed: object
) -> TransactionChallenge:
    """Have a challenge made for the customer."""
    words: dict[str, Any] = {"subscriber_ref": CUSTOMER, **changed}
    return core.create_transaction_challenge(transaction, **words)


def wrong_codes(app: SigningToken, challenge: TransactionChallenge) -> list[str]:
    """Return codes that are none of the app's for what is scanned."""
    right = scanned_code(app, challenge)
    return [code for code in map("{:08d}".format, range(20)) if code != right]


def refused(call: Callable[[], object]) -> OtpRefused:
    """Return how the authority judged, which was no."""
    error = failure(call)
    assert isinstance(error, OtpRefused)
    return error


@contextmanager
def signing_bank(files: HsmFiles, database: AnyDatabase, directory: Path) -> Iterator[SigningBank]:
    """Serve until the block ends."""
    with served(SigningBank, files, database, directory) as bank:
        yield bank
