# SPDX-License-Identifier: Apache-2.0
"""The guide for a bank's developer, and the code in it, which tests run."""

from __future__ import annotations

import re
from pathlib import Path
from types import CodeType
from typing import Any, Final

from support.pages.scripted_registry import Registry

ROOT: Final = Path(__file__).parents[3]
GUIDE: Final = ROOT / "docs" / "bank-developer.md"
README: Final = ROOT / "clients" / "python" / "README.md"

Page = dict[str, Any]
"""What a chapter's code defines."""


def section(title: str) -> str:
    """Return what stands under the heading ``title`` of the guide."""
    _, _, after = GUIDE.read_text().partition(f"\n## {title}\n")
    assert after, title
    return after.partition("\n## ")[0]


def blocks(markdown: str) -> list[CodeType]:
    """Return the code of a page, block by block."""
    sources = re.findall(r"^```python\n(.*?)^```$", markdown, re.DOTALL | re.MULTILINE)
    return [compile(source, "the guide", "exec") for source in sources]


def written(registry: Registry, title: str, roles: dict[str, str]) -> Page:
    """Return what the code under ``title`` defines, talking to the scripted authority."""
    text = section(title)
    text = text.replace("authority.example:7443", registry.target)
    text = text.replace("authority-ca.pem", str(registry.authority.ca_file))
    for name, role in roles.items():
        files = registry.identity(role)
        text = text.replace(f"{name}.pem", str(files.certificate))
        text = text.replace(f"{name}.key", str(files.private_key))
    page: Page = {"sorry": lambda error: type(error).__name__}
    for block in blocks(text):
        exec(block, page)  # noqa: S102 - the guide's own code
    return page
