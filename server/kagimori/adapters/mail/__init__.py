# SPDX-License-Identifier: Apache-2.0
"""Letters as mail: RFC 5322 messages over SMTP (RFC 5321)."""
