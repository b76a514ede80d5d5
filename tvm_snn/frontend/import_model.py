"""One door for models of every kind."""

import os
from os import PathLike
from pathlib import Path
from typing import Any

import tvm

from ..errors import ModelError
from .checks import check_module
from .negative_indices import wrap_negative_indices
from .relax_module import import_relax


def import_model(model: Any, example_inputs: Any = None) -> tvm.IRModule:
    """Return a model as a Relax module with one function `main`.

    `model`: a torch.nn.Module (exported in eval mode, with the shapes of `example_inputs`), a
    torch.export.ExportedProgram, the path of a `.pt2` or `.onnx` file (external data beside it is
    found), an onnx.ModelProto, or a Relax IRModule.
    `example_inputs`: a tensor or array, a sequence of them, or a mapping from input names. Needed
    for a torch.nn.Module; fixes the shapes of other models that have dynamic ones.

    `main` takes the model's inputs, by their names, with static shapes; weights are constants in
    its body; it returns a tensor, or a tuple of tensors. The variable of each conv and dense layer
    carries the layer's name in the model. The model passed in is not changed.

    Raises ModelError for a model that is malformed, dynamic, stateful, not in float32 or has
    weights that are not finite; UnsupportedOperatorError for an operator that cannot be imported.
    """
    module = wrap_negative_indices(_import(model, example_inputs))
    check_module(module)
    return module


def _import(model: Any, example_inputs: Any) -> tvm.IRModule:
    if isinstance(model, tvm.IRModule):
        return import_relax(model)
    if isinstance(model, str | PathLike):
        return _import_file(Path(model), example_inputs)
    # The kind is told from class names, so that nobody needs PyTorch to compile an ONNX file.
    kinds = {f"{base.__module__}.{base.__name__}" for base in type(model).__mro__}
    if "torch.nn.modules.module.Module" in kinds:
        from .torch_program import import_torch_module

        return import_torch_module(model, example_inputs)
    if "torch.export.exported_program.ExportedProgram" in kinds:
        from .torch_program import import_program

        return import_program(model, example_inputs)
    if type(model).__name__ == "ModelProto":
        return _onnx_frontend().import_onnx(model, example_inputs)
    raise ModelError(
        f"A {type(model).__module__}.{type(model).__name__} is no model that can be imported: "
        "pass a torch.nn.Module, an ExportedProgram, an onnx.ModelProto, the path of a .pt2 or "
        ".onnx file, or a Relax IRModule."
    )


def _import_file(path: Path, example_inputs: Any) -> tvm.IRModule:
    if path.suffix not in (".onnx", ".pt2"):
        raise ModelError(
            f"{path} is of no known kind: a file ends in .onnx or .pt2 (torch.export.save)."
        )
    if not os.path.isfile(path):
        raise ModelError(f"There is no file {path}.")
    if path.suffix == ".onnx":
        frontend = _onnx_frontend()
        return frontend.import_onnx(frontend.load_onnx(path), example_inputs)
    frontend = _torch_frontend(path)
    return frontend.import_program(frontend.load_program(path), example_inputs)


def _onnx_frontend() -> Any:
    try:
        from . import onnx_graph
    except ImportError as error:
        raise _missing("ONNX models", error) from error
    return onnx_graph


def _torch_frontend(path: Path) -> Any:
    try:
        from . import torch_program
    except ImportError as error:
        raise _missing(f"{path}", error) from error
    return torch_program


def _missing(what: str, error: ImportError) -> ModelError:
    return ModelError(
        f"Reading {what} needs a package that is not installed ({error.name or error}): "
        "pip install tvm_snn[torch]"
    )
