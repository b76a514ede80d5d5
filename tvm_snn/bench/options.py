"""Options that benchmarks' commands share."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click


def output_option(what: str) -> Callable[[Any], Any]:
    """Return the option `--output`: the folder for `what`."""
    return click.option(
        "-o",
        "--output",
        default="benchmarks/results",
        show_default=True,
        type=click.Path(path_type=Path, file_okay=False),
        help=f"Folder for {what}.",
    )
