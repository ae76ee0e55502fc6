# SPDX-License-Identifier: Apache-2.0
"""Use cases, in rooms by caller, and the ports they need."""
