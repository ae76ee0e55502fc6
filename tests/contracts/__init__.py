# SPDX-License-Identifier: Apache-2.0
"""What every implementation of a port must do, and who is held to it."""
