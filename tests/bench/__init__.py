# SPDX-License-Identifier: Apache-2.0
"""Rates, each beside a ceiling or a peer measured in the same run."""
