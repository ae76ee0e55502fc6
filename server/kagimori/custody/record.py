# SPDX-License-Identifier: Apache-2.0
"""The record: what a ceremony made, for the server and for the file.

No secret is in it. It is written last and whole: where there is a record, the
ceremony went through.
"""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kagimori.custody.canary import Canary
    from kagimori.custody.keys import MadeKey
    from kagimori.custody.plan import Plan

SCHEMA = 1


def write(plan: Plan, keys: Sequence[MadeKey], canaries: Sequence[Canary], passed: int) -> None:
    """Write the record of ``plan`` in one move; raise `OSError`."""
    record = {
        "schema": SCHEMA,
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "provider": plan.provider,
        "partitions": {
            "serving": plan.partition.serving.label,
            "import": plan.partition.importing.label,
        },
        "keys": [asdict(key) for key in keys],
        "canaries": [_canary(canary) for canary in canaries],
        "checks": {"passed": passed},
    }
    replace(plan.record, json.dumps(record, indent=2) + "\n")


def _canary(canary: Canary) -> dict[str, Any]:
    return {
        "tenant": canary.tenant,
        "key_version": canary.key_version,
        "blob": canary.blob.hex(),
        "challenge": canary.challenge.hex(),
        "response": canary.response.hex(),
    }


def replace(path: Path, text: str) -> None:
    """Write ``text`` to ``path`` in one move, for everybody to read; raise `OSError`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    draft = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        draft.chmod(0o644)
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
