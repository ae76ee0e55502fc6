# SPDX-License-Identifier: Apache-2.0
"""What is measured, what each rate stands beside, and the least it must come to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from bench import (
    cold_start,
    handle_cache,
    hsm_search,
    import_pskc,
    otp_core,
    provision,
    sign_verify,
    verify_batch64,
    verify_latency,
    verify_network_hsm,
    verify_stateful_scale,
    verify_unary,
    verify_unary_pg,
)
from bench.figure import Figure
from bench.ground import Ground


@dataclass(frozen=True, slots=True)
class Bench:
    """A rate beside a ceiling or a peer.

    ``ratio`` is the least that their ratio must come to, and ``rate`` the least
    that the rate itself must, where that is wanted. A short run may meet a machine
    whose host gives it half a processor: it is judged by ratios alone, and where a
    rate is wanted by the ``usual`` one.
    """

    name: str
    measure: Callable[[Ground], Figure]
    beside: str
    ratio: float | None = None
    rate: float | None = None
    usual: float | None = None

    def share(self, figure: Figure, *, short: bool) -> float:
        """Return how much of what is wanted ``figure`` comes to: 1 is enough."""
        ratio = self.usual if short and self.ratio is None else self.ratio
        shares = [1.0]
        if ratio is not None:
            shares.append(figure.ratio / ratio)
        if self.rate is not None and not short:
            shares.append(figure.rate / self.rate)
        return min(shares)

    @property
    def wanted(self) -> str:
        """Return what is wanted, for people."""
        if self.rate is not None:
            return f"{self.rate:,.0f}/s"
        return "-" if self.ratio is None else f"{self.ratio:.2f}"


BENCHES: Final = (
    Bench("otp_core", otp_core.measure, "pyotp's HOTP.at", ratio=20.0),
    Bench("hsm_search", hsm_search.measure, "a bare C_SignInit + C_Sign loop", ratio=0.8),
    Bench("verify_unary", verify_unary.measure, "an empty handler", ratio=0.7),
    Bench(
        "verify_batch64",
        verify_batch64.measure,
        "an empty batch handler",
        rate=20_000,
        usual=0.11,
    ),
    Bench("verify_latency", verify_latency.measure, "an empty handler's p99", ratio=0.2),
    Bench("sign_verify", sign_verify.measure, "VerifyOtp", ratio=0.8),
    Bench("verify_unary_pg", verify_unary_pg.measure, "empty handlers in two processes", ratio=0.6),
    Bench("verify_stateful_scale", verify_stateful_scale.measure, "few tokens", ratio=0.9),
    Bench("verify_network_hsm", verify_network_hsm.measure, "one session", ratio=10.0),
    Bench("provision", provision.measure, "the bare HSM calls in one session", ratio=0.5),
    Bench("import_pskc_cbc", import_pskc.measure_cbc, "the bare HSM calls", ratio=0.5),
    Bench("import_pskc_kw", import_pskc.measure_kw, "the bare HSM calls", ratio=0.5),
    Bench(
        "import_memory",
        import_pskc.measure_memory,
        "a tenth of the tokens",
        ratio=1 / import_pskc.MEMORY,
    ),
    Bench("handle_cache", handle_cache.measure, "no cache of open seeds"),
    Bench("cold_start", cold_start.measure, f"{cold_start.SECONDS:.0f} s", ratio=1.0),
)
