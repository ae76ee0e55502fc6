# SPDX-License-Identifier: Apache-2.0
"""Stock, in the database: hardware tokens, and cells of grid cards."""
