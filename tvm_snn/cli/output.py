"""What the commands print and write."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from ..errors import SnnError
from ..files import replacing
from ..report import Report

Command = Callable[..., None]


def json_option(command: Command) -> Command:
    """Add the option --json."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON for machines.")(command)


def print_report(report: Report, as_json: bool) -> None:
    """Print a report as JSON, as a table of the terminal's width, or as plain text."""
    console = Console(highlight=False)
    if as_json:
        click.echo(report.to_json())
    elif console.is_terminal:
        report.print(console)
    else:
        click.echo(report)


def check_writable(path: Path) -> None:
    """Raise SnnError when `path` cannot become a file: better before the work than after it."""
    if path.is_dir():
        raise SnnError(f"Cannot write {path}: it is a folder. Give the name of a file.")
    if path.exists() and not path.is_file():
        raise SnnError(f"Cannot write {path}: it is no regular file. Give the name of a file.")
    if not path.parent.is_dir():
        raise SnnError(f"Cannot write {path}: there is no folder {path.parent}.")


def print_json(data: Any) -> None:
    """Print data as JSON; what is not a number in JSON (NaN, infinities) becomes null."""
    click.echo(json.dumps(_finite(data), indent=2, allow_nan=False))


def _finite(data: Any) -> Any:
    if isinstance(data, dict):
        return {key: _finite(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [_finite(value) for value in data]
    return None if isinstance(data, float) and not math.isfinite(data) else data


def write_array(path: Path, array: NDArray) -> None:
    """Write an array as .npy: first beside the file, then renamed, so that nothing is lost."""
    try:
        with replacing(path) as temporary, open(temporary, "wb") as file:
            np.save(file, array)
    except OSError as error:
        raise SnnError(f"Cannot write {path}: {error.strerror or error}.") from error
