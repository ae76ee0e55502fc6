# SPDX-License-Identifier: Apache-2.0
"""What must be refused and what must work, tried on the real keys.

A policy is not proved by reading it back. One module per kind of key; `trial`
is how they speak.
"""
