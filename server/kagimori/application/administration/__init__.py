# SPDX-License-Identifier: Apache-2.0
"""What the authority's own staff ask."""
