# SPDX-License-Identifier: Apache-2.0
"""What bank channels ask: whether a code is good.

`verify` makes a case of a call, `engine` carries cases through claim, search and
settlement in batches, `lines` lets one case of a token go at a time, and
`searching` asks the HSM.
"""
