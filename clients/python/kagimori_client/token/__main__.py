# SPDX-License-Identifier: Apache-2.0
"""``python -m kagimori_client.token`` is ``kagimori-token``."""

from kagimori_client.token.cli import main

main()
