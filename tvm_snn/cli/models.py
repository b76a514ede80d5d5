"""Models as the command line names them: files, and factories in Python packages."""

import ast
import importlib
import re
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from ..errors import ModelError

_FACTORY = re.compile(r"(?P<module>[\w.]+):(?P<function>\w+)(?P<arguments>\(.*\))?")
_NPY_MAGIC = b"\x93NUMPY"

Command = Callable[..., None]


def model_arguments(command: Command) -> Command:
    """Add the argument MODEL and the options that give its input shapes."""
    for decorate in (
        click.option(
            "--shape",
            "shapes",
            multiple=True,
            metavar="1x3x224x224",
            help="Shape of an input, once for each; float32. Only needed where the model does "
            "not say: Python factories, dynamic shapes.",
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
    if _FACTORY.fullmatch(reference) is None or Path(reference).exists():
        _check_file(reference)
        return reference, examples
    factory, arguments = find_factory(reference)
    built, own_examples = call_factory(factory, arguments, reference)
    return _with_tensors(built, examples or own_examples or _zoo_examples(factory), reference)


def find_factory(reference: str) -> tuple[Callable[..., Any], dict[str, Any]]:
    """Return the function that `package.module:function(argument=1)` names, and its arguments.

    Raises ModelError when there is none or the arguments are no literals.
    """
    match = _FACTORY.fullmatch(reference)
    if match is None:
        raise ModelError(
            f"{reference!r} names no function; write package.module:function, with literal "
            'arguments if need be, as in "tvm_snn.zoo:resnet18(tau=4)".'
        )
    arguments = _literal_arguments(match["arguments"] or "()", reference)
    return _imported(match["module"], match["function"], reference), arguments


def find_modules_here() -> None:
    """Let modules in the folder one stands in be imported, as `python -m` does."""
    if "" not in sys.path:
        sys.path.insert(0, "")


def load_arrays(paths: Sequence[str]) -> list[NDArray]:
    """Return the arrays of `.npy` files; raises ModelError when one is none.

    Files with Python objects are refused: to read them is to run what is in them.
    """
    return [_load_array(path) for path in paths]


def _load_array(path: str) -> NDArray:
    try:
        with open(path, "rb") as file:
            magic = file.read(len(_NPY_MAGIC))
            file.seek(0)
            if magic == _NPY_MAGIC:
                return np.lib.format.read_array(file, allow_pickle=False)
    except OSError as error:
        raise ModelError(f"Cannot read the input {path}: {error.strerror or error}.") from error
    except (ValueError, EOFError) as error:
        raise ModelError(
            f"{path} is not a readable .npy file ({error}). It must hold one array of numbers, "
            "written with numpy.save."
        ) from error
    raise ModelError(
        f"{path} is not a .npy file. Inputs are .npy files of one array each, written with "
        "numpy.save."
    )


def _check_file(reference: str) -> None:
    path = Path(reference)
    if not path.suffix and not path.exists():
        raise ModelError(
            f"There is no file {reference}. A model is an .onnx or .pt2 file, or a function "
            "package.module:factory that returns a torch.nn.Module."
        )


def _parse_shape(text: str) -> tuple[int, ...]:
    try:
        shape = tuple(int(length) for length in re.split("[x,]", text))
    except ValueError:
        shape = ()
    if not shape or min(shape) < 1:
        raise click.BadParameter(f"{text!r} is no shape; write for example 1x3x224x224.")
    return shape


def _imported(module: str, function: str, reference: str) -> Callable[..., Any]:
    find_modules_here()
    try:
        found = getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError) as error:
        raise ModelError(
            f"There is neither a file nor a factory {reference!r}: {error}. Write "
            "package.module:factory for a function that returns a torch.nn.Module."
        ) from error
    except Exception as error:
        raise ModelError(f"The module {module!r} cannot be imported: {_said(error)}") from error
    if not callable(found):
        raise ModelError(f"{reference} is no function: its type is {type(found).__name__}.")
    return found


def call_factory(
    factory: Callable[..., Any], arguments: dict[str, Any], reference: str
) -> tuple[Any, tuple[Any, ...] | None]:
    """Return the module that a factory makes, and its example inputs if it gives some.

    Raises ModelError when it fails or returns something else; `reference` is what the user wrote.
    """
    import torch

    try:
        built = factory(**arguments)
    except Exception as error:
        raise ModelError(f"The factory {reference} failed: {_said(error)}") from error
    model, examples = built if isinstance(built, tuple) and len(built) == 2 else (built, None)
    if not isinstance(model, torch.nn.Module):
        raise ModelError(
            f"The factory {reference} returned a {type(model).__name__}; a torch.nn.Module is "
            "expected, or a tuple of one and its example inputs."
        )
    if isinstance(examples, torch.Tensor):
        examples = (examples,)
    return model, tuple(examples) if examples is not None else None


def _said(error: Exception) -> str:
    """Return an error with the line of the user's code that raised it."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {error} ({Path(frame.filename).name}, line {frame.lineno})."


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
