# SPDX-License-Identifier: Apache-2.0
"""A bank's front end as a process of its own: customers log in, one code after the other.

Standard input brings one line of JSON: ``target``, ``certificate``,
``private_key``, ``authority_ca``, and ``codes`` by serial. At the end of the
input, or when the codes are used up, it prints what it heard: ``heard`` (how
often what), ``receipts`` (their numbers) and ``used`` (serial and code).
"""

from __future__ import annotations

import json
import sys
import threading
import time
from typing import Any

from kagimori_client import BankChannel, KagimoriError

_THREADS = 4
_PAUSE = 0.01


def main() -> None:
    asked: dict[str, Any] = json.loads(sys.stdin.readline())
    codes: dict[str, list[str]] = asked.pop("codes")
    heard: list[str] = []
    receipts: list[str] = []
    used: list[tuple[str, str]] = []
    closed = threading.Event()

    def log_in(bank: BankChannel, serials: list[str]) -> None:
        for press in zip(*(codes[serial] for serial in serials), strict=True):
            for serial, code in zip(serials, press, strict=True):
                if closed.is_set():
                    return
                used.append((serial, code))
                try:
                    receipts.append(bank.verify(code, serial=serial, timeout=10).number)
                    heard.append("ACCEPTED")
                except KagimoriError as error:
                    heard.append(f"{type(error).__name__}: {error.args[0]}")
                time.sleep(_PAUSE)

    with BankChannel(asked.pop("target"), **asked) as bank:
        serials = list(codes)
        shares = [serials[number::_THREADS] for number in range(_THREADS)]
        threads = [threading.Thread(target=log_in, args=(bank, share)) for share in shares]
        for thread in threads:
            thread.start()
        sys.stdin.read()
        closed.set()
        for thread in threads:
            thread.join()
    counts = {kind: heard.count(kind) for kind in set(heard)}
    print(json.dumps({"heard": counts, "receipts": receipts, "used": used}))  # noqa: T201


if __name__ == "__main__":
    main()
