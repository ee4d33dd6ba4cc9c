"""The reproduction of the paper's figures on the simulated chip: `make reproduce`.

SPDX-License-Identifier: Apache-2.0
"""
