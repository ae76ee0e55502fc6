# SPDX-License-Identifier: Apache-2.0
"""What a bank's page asks: a software token issued, activated, deregistered."""
