# SPDX-License-Identifier: Apache-2.0
"""Contracts of tokens that apps bring."""
