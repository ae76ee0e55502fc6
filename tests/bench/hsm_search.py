# SPDX-License-Identifier: Apache-2.0
"""A search of an open seed, beside the bare PKCS#11 calls it is made of.

The HSM is filled by the product's ceremony and import; the code searched for
comes from oathtool.
"""

from __future__ import annotations

import json
import sqlite3
import tempfile
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from bench import rust
from bench.figure import Figure, Rounds
from development import oathtool
from development.environment import Environment
from development.vendor import make_device
from kagimori import bootstrap, config, key_policy
from kagimori.adapters.sql.rows import token_of
from kagimori.adapters.vault import CanarySeed
from kagimori.domain.token import Token
from support.authority import SERVICE_ID, establish

_STEP = 7


def measure(rounds: Rounds) -> Figure:
    """Return searches per second, and C_SignInit + C_Sign per second."""
    program = rust.build("kagimori-hsm", "hsm_search")
    device = make_device("KGTD00000001", period=0)
    with tempfile.TemporaryDirectory() as directory:
        place = establish(Path(directory), [device])
        code = oathtool.event_code(device, _STEP)
        answer = rust.run(program, stdin=_order(place, rounds, code))
    rate, ceiling = map(float, answer.split())
    return Figure(rate, ceiling)


def _order(place: Environment, rounds: Rounds, code: str) -> str:
    """Return what the program reads: where the HSM is, and one token's row."""
    settings = config.load(place.config)
    tenants = {
        tenant.service_id: tenant for tenant in config.load_tenants(settings.tenants).values()
    }
    hsm = bootstrap._hsm(settings.hsm, tenants)
    canary = next(canary for canary in hsm.canaries if canary.tenant == SERVICE_ID)
    order = {
        "rounds": rounds.count,
        "round_ms": rounds.milliseconds,
        "module": hsm.module,
        "partition": hsm.serving.label,
        "pin": hsm.serving.pin,
        "policy": key_policy.policy_text(),
        "kwp": hsm.provider.kwp,
        "hmac_min_is_hash_length": hsm.provider.hmac_min_is_hash_length,
        "step": _STEP,
        "code": code,
    }
    tables = {"canary": _canary(canary), "token": _token(_only_token(place))}
    return _toml(order) + "".join(f"[{name}]\n{_toml(table)}" for name, table in tables.items())


def _only_token(place: Environment) -> Token:
    with closing(sqlite3.connect(place.database)) as database:
        database.row_factory = sqlite3.Row
        return token_of(database.execute("SELECT * FROM tokens").fetchone())


def _canary(canary: CanarySeed) -> dict[str, object]:
    return {
        "blob": list(canary.sealed.blob),
        "challenge": list(canary.challenge),
        "response": list(canary.response),
    }


def _token(token: Token) -> dict[str, object]:
    identity, seed = token.identity, token.identity.seed
    return {
        "tenant": identity.tenant,
        "token_id": identity.token_id,
        "serial": identity.serial,
        "subscriber": identity.subscriber,
        "kind": identity.kind,
        "purpose": identity.purpose,
        "factor": identity.profile.factor,
        "period": identity.profile.period,
        "t0": identity.profile.t0,
        "custody": seed.custody,
        "seed_length": seed.length,
        "key_version": seed.key_version,
        "wrap_format": seed.wrap_format,
        "blob": list(seed.blob),
        "mac": list(token.row_mac),
    }


def _toml(table: Mapping[str, object]) -> str:
    """Write strings, numbers and lists, which TOML writes as JSON does."""
    return "".join(f"{key} = {json.dumps(value)}\n" for key, value in table.items())
