"""`tvm-snn inspect`: what each layer of a model would be matched as."""

import click

from ..compiler import inspect
from .models import load_model, model_arguments
from .output import json_option, print_report


@click.command("inspect", short_help="Show what each layer would be matched as, and why.")
@model_arguments
@json_option
def inspect_command(model: str, shapes: tuple[str, ...], as_json: bool) -> None:
    """Show what each conv and dense layer of MODEL would be matched as, and why."""
    source, examples = load_model(model, shapes)
    print_report(inspect(source, examples), as_json)
