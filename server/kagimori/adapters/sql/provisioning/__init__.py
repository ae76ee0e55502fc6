# SPDX-License-Identifier: Apache-2.0
"""Tokens that apps bring, in the database."""
