# SPDX-License-Identifier: Apache-2.0
"""The administrator's room: the key ceremony, at a terminal, in its own process.

The only room that speaks python-pkcs11. That binding initialises a module
without locks, so it must never share a process with the serving vault.
"""
