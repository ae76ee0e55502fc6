# SPDX-License-Identifier: Apache-2.0
"""お客様カード: printed for customers, asked for and answered."""
