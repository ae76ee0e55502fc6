# SPDX-License-Identifier: Apache-2.0
"""A development authority on one machine: certificates, HSM, vendors, a token in hand.

Used by ``make demo``, ``make dev``, the tests and the benchmarks. Nothing of it
is shipped.
"""
