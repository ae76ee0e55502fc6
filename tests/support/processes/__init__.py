# SPDX-License-Identifier: Apache-2.0
"""Processes under a supervisor, and calls to them by hand."""
