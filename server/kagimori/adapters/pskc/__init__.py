# SPDX-License-Identifier: Apache-2.0
"""Vendors' seed files: PSKC, the Portable Symmetric Key Container (RFC 6030).

The seeds stay encrypted here. What this room does not understand it refuses: a
restriction or an algorithm that is silently passed over is a wrong import.
"""
