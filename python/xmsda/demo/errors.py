"""The one exception that the demonstration shows to its user as a single line.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations


class DemoError(Exception):
    """A failure with a message fit for the command line.

    Parameters
    ----------
    message
        What was expected and what came, in one line.
    exit_code
        2 for bad input of the user, 1 for a demonstration that did not show what it claims.
    """

    def __init__(self, message: str, exit_code: int = 2) -> None:
        super().__init__(message)
        self.exit_code = exit_code
