# SPDX-License-Identifier: Apache-2.0
"""The database: schema and migrations by SQLAlchemy, hot statements by hand."""
