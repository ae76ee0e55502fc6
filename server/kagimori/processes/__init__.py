# SPDX-License-Identifier: Apache-2.0
"""What a process does from its start to its end."""
