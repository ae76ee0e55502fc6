# SPDX-License-Identifier: Apache-2.0
"""What a bank's own programs ask, beside an authority of scripted answers."""
