# SPDX-License-Identifier: Apache-2.0
"""Tokens that customers bring themselves: taken into use by serial number, exchanged, ended.

`register`, `replace`, `terminate` and `choice` are the use cases. Each prepares what
an accepted code brings about (`rows` has the HSM vouch for it) and leaves the rest to
the verification engine, which writes acceptance and consequence down together.
`tries` counts how often a customer names serial numbers.
"""
