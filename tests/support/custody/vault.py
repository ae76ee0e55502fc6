# SPDX-License-Identifier: Apache-2.0
"""What a vault of a test is opened with."""

from __future__ import annotations

from pathlib import Path

from kagimori import key_policy
from kagimori.adapters.vault import CanarySeed, Hsm, PartitionLogin
from kagimori.domain.token import CustodyLabel, SealedSeed
from support.custody.hsm import MODULE, SERVING, HsmFiles


def hsm_of(files: HsmFiles, module: Path = MODULE) -> Hsm:
    """Return the serving side of what a ceremony left in ``files``."""
    provider = key_policy.provider("softhsm")
    return Hsm(
        module=str(module),
        provider=provider,
        serving=PartitionLogin(SERVING, files.serving_pin),
        canaries=[
            CanarySeed(
                tenant=entry["tenant"],
                sealed=SealedSeed(
                    blob=bytes.fromhex(entry["blob"]),
                    wrap_format=provider.wrap_format,
                    key_version=entry["key_version"],
                    length=len(entry["blob"]) // 2 - 8,
                    custody=CustodyLabel.GENERATED_IN_HSM,
                ),
                challenge=bytes.fromhex(entry["challenge"]),
                response=bytes.fromhex(entry["response"]),
            )
            for entry in files.record["canaries"]
        ],
    )
