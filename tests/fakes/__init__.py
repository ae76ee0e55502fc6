# SPDX-License-Identifier: Apache-2.0
"""Stand-ins that do the real work, judged by the suites in ``contracts``."""
