# SPDX-License-Identifier: Apache-2.0
"""The rules of the token authority: standard library only, no input or output."""
