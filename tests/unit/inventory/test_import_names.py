# SPDX-License-Identifier: Apache-2.0
"""An import names customers as the bank wants them kept, and as a channel will find them."""

from __future__ import annotations

from pathlib import Path

import pytest

from development.vendor import make_device
from fakes.import_vault import FakeImportVault
from fakes.inventory import FakeInventory
from kagimori.application.inventory.import_tokens import ImportOrder, ImportTokens
from kagimori.domain.tenant import SubscriberNames
from support.pskc_files import CBC_KEY, VENDOR, parsed, written

TENANT = "20160003"
SERIAL = "2V0716010001"


@pytest.mark.parametrize("names", SubscriberNames)
def test_an_assignment_is_kept_as_the_tenant_wants_it(
    tmp_path: Path, names: SubscriberNames
) -> None:
    vault, inventory = FakeImportVault({VENDOR: CBC_KEY}), FakeInventory()
    order = ImportOrder(
        TENANT,
        "os-user:keeper",
        {SERIAL: "customer-1"},
        activate=True,
        max_drift=10,
        subscriber_names=names,
    )
    ImportTokens(vault, inventory)(order, parsed(written(tmp_path, [make_device(SERIAL)])))
    identity = inventory.tokens[TENANT, SERIAL].identity
    digest = vault.fingerprint(TENANT, b"name customer-1").hex()
    assert identity.subscriber == (digest if names is SubscriberNames.HMAC else "customer-1")
    assert len(digest) == 64
    assert inventory.tokens[TENANT, SERIAL].row_mac == vault.row_mac(identity)
