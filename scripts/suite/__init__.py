# SPDX-License-Identifier: GPL-2.0
"""Runs the tests of this repository in stages and counts their results."""
