# SPDX-License-Identifier: Apache-2.0
"""Claim and settle: what a verification reads and writes."""
