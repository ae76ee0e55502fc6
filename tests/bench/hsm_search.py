# SPDX-License-Identifier: Apache-2.0
"""A search of an open seed, beside the bare PKCS#11 calls it is made of.

The HSM was filled by the product's ceremony and import; the code searched for
comes from oathtool.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing

from bench import order, rust
from bench.figure import Figure, Rounds
from bench.ground import HOT_TOKENS, Ground
from bench.loadgen import read_tokens
from bench.stock import TOKENS
from development import oathtool
from development.environment import Environment
from kagimori import config
from kagimori.adapters.sql.rows import COLUMNS, token_of
from kagimori.bootstrap.parts import hsm_of
from kagimori.domain.token import Token
from support.served.authority import SERVICE_ID

_STEP = 7


def measure(ground: Ground) -> Figure:
    """Return searches per second, and C_SignInit + C_Sign per second."""
    program = rust.build("kagimori-hsm", "hsm_search")
    place = ground.place("search", HOT_TOKENS, {})
    device = next(read_tokens(place.directory / TOKENS))
    order = _order(place, ground.rounds, device.serial, oathtool.event_code(device, _STEP))
    rate, ceiling = map(float, rust.run(program, stdin=order).split())
    return Figure(rate, ceiling)


def _order(place: Environment, rounds: Rounds, serial: str, code: str) -> str:
    """Return what the program reads: where the HSM is, and the row of a token."""
    hsm = hsm_of(config.load(place.config).hsm)
    canary = order.canary_table(order.canary_of(hsm, SERVICE_ID))
    figures = {
        "rounds": rounds.count,
        "round_ms": rounds.milliseconds,
        "step": _STEP,
        "code": code,
    }
    return order.of(hsm, figures, {"canary": canary, "token": _token(_row(place, serial))})


def _row(place: Environment, serial: str) -> Token:
    asked = f"SELECT {', '.join(COLUMNS)} FROM tokens WHERE serial = ?"  # noqa: S608 - constants
    with closing(sqlite3.connect(place.database)) as database:
        return token_of(database.execute(asked, [serial]).fetchone())


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
