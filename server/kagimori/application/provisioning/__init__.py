# SPDX-License-Identifier: Apache-2.0
"""What a token app asks: its sealed seeds taken over."""
