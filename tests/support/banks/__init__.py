# SPDX-License-Identifier: Apache-2.0
"""Banks: real use cases over a real database, in this process."""
