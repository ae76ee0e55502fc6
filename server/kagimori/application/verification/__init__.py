# SPDX-License-Identifier: Apache-2.0
"""What bank channels ask: whether a code is good."""
