"""Command line of the demonstration: train and compare, or run the trained model on a picture.

SPDX-License-Identifier: Apache-2.0
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from rich.console import Console

from xmsda.demo.errors import DemoError


def _positive(text: str) -> int:
    try:
        value = int(text)
    except ValueError:
        value = 0
    if not 0 < value < 2**31:
        raise argparse.ArgumentTypeError(f"expected a whole number from 1 to {2**31 - 1}, got {text!r}")
    return value


def _seed(text: str) -> int:
    try:
        value = int(text)
    except ValueError:
        value = -1
    if not 0 <= value < 2**31:
        raise argparse.ArgumentTypeError(f"expected a whole number from 0 to {2**31 - 1}, got {text!r}")
    return value


def _usable_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class _Parser(argparse.ArgumentParser):
    """A wrong option gives one line, without the usage, and exit code 2."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"xmsda.demo: {message}\n")


def parser() -> argparse.ArgumentParser:
    """Return the parser of the options."""
    result = _Parser(
        prog="python -m xmsda.demo",
        description="Train a small Deformable-DETR on one labelled photo, with transformers' grid_sample and with "
        "xmsda: show that the losses agree, how long each takes, and the objects that it finds.",
    )
    add = result.add_argument
    add("--out", type=Path, default=Path("out/demo"), metavar="DIR", help="where results go (default: %(default)s)")
    add("--image", type=Path, metavar="FILE", help="run the trained model of DIR on this picture instead of training")
    add("--steps", type=_positive, default=300, metavar="N", help="training steps (default: %(default)s)")
    add("--compare-steps", type=_positive, default=5, metavar="N",
        help="first steps whose losses are compared with grid_sample's (default: %(default)s)")  # fmt: skip
    add("--seed", type=_seed, default=0, metavar="N", help="seed of the model's weights (default: %(default)s)")
    add("--threads", type=_positive, default=_usable_cores(), metavar="N",
        help="threads of torch (default: the cores this process may use, here %(default)s)")  # fmt: skip
    add("--rounds", type=_positive, default=15, metavar="N", help="timings behind each median (default: %(default)s)")
    add("--quick", action="store_true",
        help="the whole in half a minute: 20 steps, 3 of them compared, 3 rounds; finds nothing yet")  # fmt: skip
    return result


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demonstration; return the exit code: 0, 1 when it did not show what it claims, 2 for bad input."""
    options = parser().parse_args(arguments)
    if options.quick:
        options.steps, options.compare_steps, options.rounds = 20, 3, 3
    # rich takes 80 columns when it writes to no terminal, which breaks the table.
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 110)
    try:
        # Here, so that --help and a wrong option answer at once: torch and transformers take seconds to import.
        from xmsda.demo import run

        if options.image is not None:
            run.run_on_picture(console, options.image, options.out, options.threads)
        else:
            run.run_training(
                console,
                run.Settings(
                    out=options.out,
                    seed=options.seed,
                    steps=options.steps,
                    compare_steps=min(options.compare_steps, options.steps),
                    threads=options.threads,
                    rounds=options.rounds,
                ),
            )
    except DemoError as error:
        print(f"xmsda.demo: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
