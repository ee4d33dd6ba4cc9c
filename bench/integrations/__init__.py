"""Measurements of what surrounds the operator: modules and whole models.

SPDX-License-Identifier: Apache-2.0
"""
