# SPDX-License-Identifier: Apache-2.0
"""Customers' lives: the steps, and a model of what they come to."""
