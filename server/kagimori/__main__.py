# SPDX-License-Identifier: Apache-2.0
"""``python -m kagimori`` is the ``kagimori`` command."""

from kagimori.cli import main

main()
