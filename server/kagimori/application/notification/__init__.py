# SPDX-License-Identifier: Apache-2.0
"""What the authority tells customers by mail."""
