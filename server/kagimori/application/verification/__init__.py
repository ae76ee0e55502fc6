# SPDX-License-Identifier: Apache-2.0
"""What bank channels ask: whether a code is good.

`verify` makes a case of a call, `engine` keeps the open cases and answers them,
`lines` lets one case of a token go at a time, `pipeline` carries batches of them
through claim, search and settlement, and `searching` asks the HSM.
"""
