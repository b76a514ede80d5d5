"""Models as the command line names them: files, and factories in Python packages."""

import ast
import importlib
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from ..errors import ModelError

_FACTORY = re.compile(r"(?P<module>[\w.]+):(?P<function>\w+)(?P<arguments>\(.*\))?")

Command = Callable[..., None]


def model_arguments(command: Command) -> Command:
    """Add the argument MODEL and the options that give its input shapes."""
    for decorate in (
        click.option(
            "--shape",
            "shapes",
            multiple=True,
            metavar="1x3x224x224",
            help="Shape of an input, once for each; float32. Needed by Python factories, and by "
            "ONNX files with dynamic shapes.",
        ),
        click.argument("model"),
    ):
        command = decorate(command)
    return command


def load_model(reference: str, shapes: Sequence[str]) -> tuple[Any, tuple[NDArray, ...] | None]:
    """Return the model that `reference` names and example inputs, None when none are needed.

    A file is returned as its path. A factory is called with the literal arguments that the
    reference gives; it returns a torch.nn.Module or such a module with its example inputs.
    Raises ModelError when there is no such file or factory.
    """
    examples = tuple(np.zeros(_parse_shape(shape), np.float32) for shape in shapes) or None
    match = _FACTORY.fullmatch(reference)
    if match is None or Path(reference).exists():
        return reference, examples
    factory = _find_factory(match["module"], match["function"], reference)
    built = factory(**_literal_arguments(match["arguments"] or "()", reference))
    if isinstance(built, tuple):
        built, own_examples = built
        examples = examples or tuple(own_examples)
    return _with_tensors(built, examples or _zoo_examples(factory), reference)


def load_arrays(paths: Sequence[str]) -> list[NDArray]:
    """Return the arrays of `.npy` files; raises ModelError when one is none."""
    arrays = []
    for path in paths:
        try:
            array = np.load(path, allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise ModelError(f"{path} is not a readable .npy file: {error}") from error
        if not isinstance(array, np.ndarray):
            raise ModelError(f"{path} holds several arrays; give one .npy file for each input.")
        arrays.append(array)
    return arrays


def _parse_shape(text: str) -> tuple[int, ...]:
    try:
        shape = tuple(int(length) for length in re.split("[x,]", text))
    except ValueError:
        shape = ()
    if not shape or min(shape) < 1:
        raise click.BadParameter(f"{text!r} is no shape; write for example 1x3x224x224.")
    return shape


def _find_factory(module: str, function: str, reference: str) -> Callable[..., Any]:
    # Like `python -m`, so that a factory in the folder one stands in is found.
    if "" not in sys.path:
        sys.path.insert(0, "")
    try:
        found = getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError) as error:
        raise ModelError(
            f"There is neither a file nor a factory {reference!r}: {error}. Write "
            "package.module:factory for a function that returns a torch.nn.Module."
        ) from error
    if not callable(found):
        raise ModelError(f"{reference} is a {type(found).__name__}, not a function.")
    return found


def _literal_arguments(text: str, reference: str) -> dict[str, Any]:
    call = ast.parse(f"f{text}", mode="eval").body if _parses(f"f{text}") else None
    if isinstance(call, ast.Call) and not call.args:
        try:
            return {str(k.arg): ast.literal_eval(k.value) for k in call.keywords if k.arg}
        except ValueError:
            pass
    raise ModelError(
        f"The arguments in {reference!r} are not understood; write for example "
        '"tvm_snn.zoo:resnet18(tau=4)".'
    )


def _parses(text: str) -> bool:
    try:
        ast.parse(text, mode="eval")
    except SyntaxError:
        return False
    return True


def _zoo_examples(factory: Callable[..., Any]) -> tuple[NDArray, ...] | None:
    from ..zoo import ZOO

    for entry in ZOO.values():
        if entry.factory is factory:
            return (np.zeros((1, *entry.input_shape), np.float32),)
    return None


def _with_tensors(
    model: Any, examples: Sequence[Any] | None, reference: str
) -> tuple[Any, tuple[Any, ...]]:
    import torch

    if examples is None:
        raise ModelError(
            f"{reference} needs the shape of its input: add for example --shape 1x3x224x224."
        )
    return model, tuple(torch.as_tensor(example) for example in examples)
