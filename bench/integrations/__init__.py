"""Bars of the integrations: the fused module, ONNX Runtime and OpenVINO, in one run.

SPDX-License-Identifier: Apache-2.0
"""
