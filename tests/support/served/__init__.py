# SPDX-License-Identifier: Apache-2.0
"""Banks and their authority with a real listener between them."""
