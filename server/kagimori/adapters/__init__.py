# SPDX-License-Identifier: Apache-2.0
"""The ports of the application, made of a database, PSKC files and an HSM."""
