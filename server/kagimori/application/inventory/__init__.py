# SPDX-License-Identifier: Apache-2.0
"""Hardware tokens in stock, from the drawer to the day they are taken out of service.

`desk` is what the bank's counter asks: it gives tokens out and takes them back.
`shelf` is what the authority's staff ask at a terminal; `exchange` and `drift` are
their reports. How tokens come into stock is in `kagimori.application.deliveries`.
"""
