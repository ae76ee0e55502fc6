# SPDX-License-Identifier: Apache-2.0
"""Databases of tests, and rows that are written into them."""
