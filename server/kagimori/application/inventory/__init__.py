# SPDX-License-Identifier: Apache-2.0
"""Hardware tokens, from the vendor's file to the day they are taken out of service.

`vendor_file` says what a vendor delivers, whatever the format; `import_tokens` takes
it into stock; `ports` is what both need of the world.
"""
