# SPDX-License-Identifier: Apache-2.0
"""Mail servers, print shops, and what goes to them."""
