"""The benchmark of xmsda against its peers: `python -m bench`.

SPDX-License-Identifier: Apache-2.0
"""
