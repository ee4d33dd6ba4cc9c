"""Adapters that put the operator into other libraries; each is imported on its own.

SPDX-License-Identifier: Apache-2.0

Nothing here imports those libraries by itself.
"""
