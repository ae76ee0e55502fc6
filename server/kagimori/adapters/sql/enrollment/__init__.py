# SPDX-License-Identifier: Apache-2.0
"""What banks do for their customers, in the database."""
