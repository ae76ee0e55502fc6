# SPDX-License-Identifier: Apache-2.0
"""Vendors of hardware tokens, their files, and those who take them in."""
