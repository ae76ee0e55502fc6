# SPDX-License-Identifier: Apache-2.0
"""HSMs of tests, and programs that look into them."""
