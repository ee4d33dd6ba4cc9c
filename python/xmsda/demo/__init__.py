"""The demonstration: a small Deformable-DETR learns the objects of one photo, with xmsda and with grid_sample.

SPDX-License-Identifier: Apache-2.0

Run it with ``python -m xmsda.demo`` (what ``make demo`` does); ``--help`` lists the options.
"""
