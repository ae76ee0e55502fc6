# SPDX-License-Identifier: Apache-2.0
"""The ceremony's file: which HSM, which partitions, whose keys.

Read whole before anything is touched; what is wrong is told by its key's name.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    Field,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    field_validator,
    model_validator,
)

from kagimori import config, key_policy
from kagimori.config import AnchoredPath, ConfigError, Environment, PinSource, Section
from kagimori.custody.refusal import CeremonyRefused

if TYPE_CHECKING:
    from pathlib import Path

    from kagimori.domain.tenant import TenantPolicy
    from kagimori.key_policy import Provider

_GENERATED = ("delivery", "onetime")
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")


def _name(value: str) -> str:
    # A vendor's name becomes part of a key label: letters that no tool quotes.
    if not _NAME.fullmatch(value):
        msg = "a name is 1 to 32 of a-z, 0-9 and -"
        raise ValueError(msg)
    return value


def _partition_label(value: str) -> str:
    # CK_TOKEN_INFO has 32 bytes for it, padded with blanks.
    if not value.isascii() or value != value.strip() or not 1 <= len(value) <= 32:  # noqa: PLR2004 - the 32 bytes above
        msg = "a label is 1 to 32 ASCII characters"
        raise ValueError(msg)
    return value


class PartitionSection(Section):
    """One partition (what PKCS#11 calls a token) and its two PINs."""

    label: Annotated[str, AfterValidator(_partition_label)]
    pin: PinSource
    so_pin: PinSource


class Partitions(Section):
    """The two partitions: one serves, one is only for importing."""

    serving: PartitionSection
    importing: PartitionSection = Field(alias="import")

    @model_validator(mode="after")
    def _two(self) -> Self:
        if self.serving.label == self.importing.label:
            msg = "serving and import must be two partitions"
            raise ValueError(msg)
        return self


class VendorKeySource(Section):
    """Where a vendor's AES key comes from: a file of hex, or people's components."""

    file: AnchoredPath | None = None
    components: Annotated[int, Field(ge=2, le=5)] | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if (self.file is None) == (self.components is None):
            msg = "needs exactly one of file and components"
            raise ValueError(msg)
        return self


class VendorSection(Section):
    """A vendor's key: what it opens and where; ``key`` unless the HSM makes it."""

    use: Literal["transport", "transient", "delivery", "onetime"]
    cipher: Literal["AES", "3DES"] = "AES"
    key: VendorKeySource | None = None

    @model_validator(mode="after")
    def _fits_its_use(self) -> Self:
        if self.use in _GENERATED and self.key is not None:
            msg = f"a {self.use} key is made in the HSM and has no key of its own"
            raise ValueError(msg)
        if self.use not in _GENERATED and self.key is None:
            msg = f"a {self.use} key needs key"
            raise ValueError(msg)
        if self.cipher != "AES" and self.use != "transient":
            msg = f"{self.cipher} is read with a transient key only"
            raise ValueError(msg)
        return self

    @property
    def policy_use(self) -> str:
        """What the key policy calls this key."""
        return "transient_des3" if self.cipher == "3DES" else self.use


def _one_or_several(
    value: object, several: ValidatorFunctionWrapHandler, info: ValidationInfo
) -> tuple[VendorSection, ...]:
    """Take ``[vendor.NAME]`` or ``[[vendor.NAME]]``; no use may be there twice."""
    if not isinstance(value, list):
        return (VendorSection.model_validate(value, context=info.context),)
    sections: tuple[VendorSection, ...] = several(value)
    uses = [section.policy_use for section in sections]
    if len(set(uses)) < len(uses):
        msg = "one use is there twice"
        raise ValueError(msg)
    return sections


VendorSections = Annotated[tuple[VendorSection, ...], WrapValidator(_one_or_several)]


class Plan(Section):
    """The whole file."""

    provider: str
    module: AnchoredPath
    environment: Environment = Field(default_factory=dict)
    record: AnchoredPath
    tenants: AnchoredPath
    partition: Partitions
    vendor: dict[Annotated[str, AfterValidator(_name)], VendorSections] = Field(
        default_factory=dict
    )

    @field_validator("provider")
    @classmethod
    def _known(cls, value: str) -> str:
        try:
            key_policy.provider(value)
        except KeyError:
            msg = "no such provider profile"
            raise ValueError(msg) from None
        return value

    @field_validator("module")
    @classmethod
    def _there(cls, value: Path, _: ValidationInfo) -> Path:
        if not value.is_file():
            msg = f"no such file: {value}"
            raise ValueError(msg)
        return value

    @property
    def generated(self) -> list[tuple[str, str]]:
        """Vendor and use of each vendor's key that the HSM makes itself."""
        return [
            (name, section.policy_use)
            for name, sections in self.vendor.items()
            for section in sections
            if section.key is None
        ]

    @property
    def profile(self) -> Provider:
        """The profile of this HSM's maker."""
        return key_policy.provider(self.provider)


def read(path: Path) -> tuple[Plan, dict[str, TenantPolicy]]:
    """Return the plan and its tenants by name; raise `CeremonyRefused`."""
    try:
        plan = config.read(Plan, path)
        return plan, config.load_tenants(plan.tenants)
    except ConfigError as error:
        raise CeremonyRefused(str(error)) from None
