# SPDX-License-Identifier: Apache-2.0
"""取引確認: what a customer is asked to sign, and what comes of it."""
