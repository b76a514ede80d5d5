"""Gives the inputs of an ONNX model static shapes."""

from collections.abc import Mapping, Sequence
from typing import Any

import onnx

from ..errors import ModelError


def fix_shapes(graph: onnx.GraphProto, example_inputs: Any) -> None:
    """Give every input a static shape, in place, from the examples where the model leaves it open.

    `example_inputs`: an array or tensor, a sequence of them, a mapping from input names, or None.
    Raises ModelError when a shape stays open, and when an example contradicts the model.
    """
    initialized = {tensor.name for tensor in graph.initializer}
    inputs = [value for value in graph.input if value.name not in initialized]
    examples = _named_examples([value.name for value in inputs], example_inputs)
    changed = False
    for value in inputs:
        changed |= _fix_shape(value, examples.get(value.name))
    if changed:
        # What was inferred under the open shapes is inferred again.
        del graph.value_info[:]
        for output in graph.output:
            for dim in output.type.tensor_type.shape.dim:
                dim.Clear()


def _fix_shape(value: onnx.ValueInfoProto, example: Any) -> bool:
    """Set the open dimensions of an input from an example; return whether there were any."""
    name, shape = value.name, value.type.tensor_type.shape
    sizes = [dim.dim_value if dim.dim_value > 0 else None for dim in shape.dim]
    known = value.type.tensor_type.HasField("shape")
    if example is None:
        for axis, dim in enumerate(shape.dim):
            if sizes[axis] is None:
                raise ModelError(
                    f"Dimension {axis} of input {name!r} is dynamic ({dim.dim_param or '?'}). "
                    "Compiled networks have fixed shapes: pass example_inputs of the shape wanted, "
                    "or export with static shapes."
                )
        if not known:
            raise ModelError(f"Input {name!r} has no shape: pass example_inputs to give it one.")
        return False
    wanted = tuple(int(size) for size in example.shape)
    fits = len(wanted) == len(sizes) and all(
        size in (None, want) for size, want in zip(sizes, wanted, strict=False)
    )
    if known and not fits:
        given = tuple("?" if size is None else size for size in sizes)
        raise ModelError(
            f"Input {name!r} has shape {given} in the model, the example has {wanted}: export the "
            "model for that shape, or with the dimension dynamic."
        )
    if known and None not in sizes:
        return False
    del shape.dim[:]
    for size in wanted:
        shape.dim.add().dim_value = size
    return True


def _named_examples(names: Sequence[str], example_inputs: Any) -> dict[str, Any]:
    if example_inputs is None:
        return {}
    if isinstance(example_inputs, Mapping):
        unknown = sorted(set(example_inputs) - set(names))
        if unknown:
            raise ModelError(f"The model has no input {unknown[0]!r}; its inputs are {names}.")
        return dict(example_inputs)
    if not isinstance(example_inputs, Sequence):
        example_inputs = (example_inputs,)
    if len(example_inputs) != len(names):
        raise ModelError(
            f"The model has {len(names)} inputs ({', '.join(names)}), example_inputs has "
            f"{len(example_inputs)}."
        )
    return dict(zip(names, example_inputs, strict=True))
