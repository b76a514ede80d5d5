"""PyTorch modules and exported programs to Relax."""

from __future__ import annotations

import contextlib
import logging
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import tvm
from torch.export import ExportedProgram
from torch.export.graph_signature import InputKind, OutputKind
from torch.fx import Node

from ..errors import ModelError, UnsupportedOperatorError
from .checks import INPUT_DTYPES, check_finite
from .layer_names import LayerName, name_layers
from .messages import first_sentence
from .torch_constants import fold_constants, named_tensors
from .torch_converters import CONVERTERS
from .torch_decompositions import decomposition_table


def import_torch_module(model: torch.nn.Module, example_inputs: Any) -> tvm.IRModule:
    """Export a module in eval mode with the example's shapes, and import the program.

    The module's training flags are as before afterwards. Raises ModelError when there is no
    example or the export fails.
    """
    if example_inputs is None:
        raise ModelError(
            f"A {type(model).__name__} has no fixed input shapes: pass example_inputs, a tuple of "
            "tensors as the model's forward takes them."
        )
    args, kwargs = _arguments(example_inputs)
    _check_examples(args, kwargs)
    with _eval_mode(model):
        program = _export(model, args, kwargs)
    return import_program(program)


def load_program(path: Path) -> ExportedProgram:
    """Read a `.pt2` file; raises ModelError when it is not one."""
    try:
        with _quiet():
            return torch.export.load(path)
    except Exception as error:
        raise ModelError(
            f"{path} is not a readable exported program ({first_sentence(error)}). Write it with "
            "torch.export.save, from PyTorch 2.13 or older."
        ) from error


def import_program(program: ExportedProgram, example_inputs: Any = None) -> tvm.IRModule:
    """Import an exported program; `example_inputs` fix the shapes of one with dynamic shapes."""
    if example_inputs is not None and _dynamic_inputs(program):
        args, kwargs = _arguments(example_inputs)
        program = _export(program.module(), args, kwargs)
    _check_inputs(program)
    _check_weights(program)
    with _quiet():
        program = program.run_decompositions(decomposition_table())
        _check_stateless(program)
        program = fold_constants(program)
        layers = _layers(program)
        module = _to_relax(program)
    return name_layers(module, layers)


def _export(model: torch.nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    try:
        with _quiet():
            return torch.export.export(model, args, kwargs)
    except Exception as error:
        raise ModelError(
            f"torch.export cannot export {type(model).__name__}: {first_sentence(error)} Check "
            "that example_inputs fit the model's forward, and that forward has no control flow "
            "that depends on values."
        ) from error


@contextlib.contextmanager
def _eval_mode(model: torch.nn.Module) -> Iterator[None]:
    flags = [(module, module.training) for module in model.modules()]
    try:
        model.eval()
        yield
    finally:
        for module, training in flags:
            module.training = training


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep PyTorch's warnings about its own internals from the user, and logged tracebacks."""
    disabled = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(disabled)


def _arguments(example_inputs: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return positional and keyword arguments: a tensor, a sequence or a mapping is accepted."""
    if isinstance(example_inputs, Mapping):
        return (), {name: _tensor(value) for name, value in example_inputs.items()}
    if not isinstance(example_inputs, Sequence):
        example_inputs = (example_inputs,)
    return tuple(_tensor(value) for value in example_inputs), {}


def _tensor(value: Any) -> Any:
    if not isinstance(value, np.ndarray):
        return value
    try:
        return torch.from_numpy(value)
    except TypeError as error:
        raise ModelError(f"An example input is an array of {value.dtype}: {error}") from error


def _check_examples(args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    named = {f"Example input {number}": value for number, value in enumerate(args)}
    for name, value in {**named, **kwargs}.items():
        if isinstance(value, torch.Tensor):
            _check_dtype(name, value.dtype)


def _check_dtype(name: str, dtype: torch.dtype) -> None:
    if str(dtype).removeprefix("torch.") not in INPUT_DTYPES:
        raise ModelError(
            f"{name} is {str(dtype).removeprefix('torch.')}; float32 is expected (or an integer "
            "type that the model itself casts). Convert the model and its inputs: model.float()."
        )


def _inputs(program: ExportedProgram) -> Iterator[tuple[str, Any]]:
    """Yield name and fake value of each input of the program that the user gives."""
    nodes = {node.name: node for node in program.graph.find_nodes(op="placeholder")}
    for spec in program.graph_signature.input_specs:
        if spec.kind is InputKind.USER_INPUT:
            node = nodes.get(spec.arg.name)
            yield spec.arg.name, node.meta.get("val") if node is not None else None


def _dynamic_inputs(program: ExportedProgram) -> list[str]:
    """Describe each dynamic dimension of the inputs."""
    return [
        f"dimension {axis} of input {name!r} ({size})"
        for name, value in _inputs(program)
        if isinstance(value, torch.Tensor)
        for axis, size in enumerate(value.shape)
        if isinstance(size, torch.SymInt)
    ]


def _check_inputs(program: ExportedProgram) -> None:
    """Refuse inputs of dynamic shape, of another float type, or that are no tensors."""
    dynamic = _dynamic_inputs(program)
    if dynamic:
        raise ModelError(
            f"The exported program has dynamic shapes: {', '.join(dynamic)}. Compiled networks "
            "have fixed shapes: pass example_inputs of the shape wanted, or export without "
            "dynamic_shapes."
        )
    for name, value in _inputs(program):
        if not isinstance(value, torch.Tensor):
            raise ModelError(
                f"Input {name!r} of the exported program is no tensor but {value!r}: make it an "
                "attribute of the model, or export with a tensor in its place."
            )
        _check_dtype(f"Input {name!r}", value.dtype)


def _check_weights(program: ExportedProgram) -> None:
    """Refuse NaN everywhere, and infinities in parameters (a mask may have them)."""
    parameters = set(program.graph_signature.parameters)
    for name, tensor in named_tensors(program).items():
        if tensor.is_floating_point():
            array = tensor.float().numpy()
            check_finite(name, array, infinities=name not in parameters)


def _check_stateless(program: ExportedProgram) -> None:
    """Refuse a (functional) program that changes its buffers."""
    for spec in program.graph_signature.output_specs:
        if spec.kind is OutputKind.BUFFER_MUTATION:
            raise ModelError(
                f"The exported program changes its buffer {spec.target!r}, and a compiled network "
                "keeps no state. Call model.eval() before the export; BatchNorm in training mode "
                "is the usual reason."
            )


def _to_relax(program: ExportedProgram) -> tvm.IRModule:
    from tvm.relax.frontend.torch import from_exported_program

    try:
        return from_exported_program(
            program,
            custom_convert_map=CONVERTERS,
            run_ep_decomposition=False,
            unwrap_unit_return_tuple=True,
        )
    except UnsupportedOperatorError:
        raise
    except AssertionError as error:
        # The importer lists the functions it lacks in an assertion's message.
        lacking = re.findall(r"'?([\w.]+)'?", str(error).partition("[")[2].partition("]")[0])
        if not lacking:
            raise ModelError(_import_failure(error)) from error
        raise UnsupportedOperatorError(
            f"TVM's PyTorch importer lacks {', '.join(sorted(set(lacking)))}: replace "
            "it in the model by operators it has."
        ) from error
    except Exception as error:
        raise ModelError(_import_failure(error)) from error


def _import_failure(error: Exception) -> str:
    return (
        f"TVM's PyTorch importer rejects the exported program: {type(error).__name__}: "
        f"{first_sentence(error)}"
    )


# As run_decompositions leaves them.
_CONVOLUTIONS = ("aten.convolution.",)
_PRODUCTS = ("aten.mm.", "aten.addmm.", "aten.bmm.", "aten.baddbmm.")


def _layers(program: ExportedProgram) -> list[LayerName]:
    """Return the path of the module that each conv and matrix product was called in, in order."""
    layers = []
    for node in program.graph.nodes:
        target = str(node.target)
        if target.startswith(_CONVOLUTIONS):
            layers.append(LayerName("conv", _module_path(node)))
        elif target.startswith(_PRODUCTS):
            layers.append(LayerName("dense", _module_path(node)))
        else:
            continue
        _check_dtype(f"Layer {layers[-1].name or target!r}", node.meta["val"].dtype)
    return layers


def _module_path(node: Node) -> str:
    """Return the dotted path of the innermost module, "" for the model itself."""
    stack = node.meta.get("nn_module_stack") or {}
    paths = [path for path, _ in stack.values()]
    return paths[-1] if paths else ""
