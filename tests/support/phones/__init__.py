# SPDX-License-Identifier: Apache-2.0
"""Customers' tokens and terminals."""
