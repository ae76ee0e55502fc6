# SPDX-License-Identifier: Apache-2.0
"""Contracts of what banks do for their customers."""
