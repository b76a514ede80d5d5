"""What the commands print and write."""

import os
from collections.abc import Callable
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from ..errors import SnnError
from ..report import Report

Command = Callable[..., None]


def json_option(command: Command) -> Command:
    """Add the option --json."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON for machines.")(command)


def print_report(report: Report, as_json: bool) -> None:
    """Print a report as JSON, as a table of the terminal's width, or as plain text."""
    console = Console()
    if as_json:
        click.echo(report.to_json())
    elif console.is_terminal:
        console.print(report.table())
        console.print(report.summary(), highlight=False)
    else:
        click.echo(report)


def write_array(path: Path, array: NDArray) -> None:
    """Write an array as .npy: first beside the file, then renamed, so that nothing is lost."""
    temporary = path.with_name(path.name + ".tmp")
    try:
        with temporary.open("wb") as file:
            np.save(file, array)
        os.replace(temporary, path)
    except OSError as error:
        raise SnnError(f"Cannot write {path}: {error.strerror or error}.") from error
