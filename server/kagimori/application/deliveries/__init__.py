# SPDX-License-Identifier: Apache-2.0
"""Vendors' tokens on their way into stock.

`vendor_file` says what a vendor delivers, whatever the format. `intake` takes its
tokens batch by batch: `import_tokens` reads a whole file for it, `receive` hears one
over the wire. `rewrap` makes another file of a file, away from the authority.
"""
