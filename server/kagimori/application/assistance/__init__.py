# SPDX-License-Identifier: Apache-2.0
"""What a bank's staff may only do in twos: 交換 without a code of the old token."""
