"""A lowered Relax module as a program of its own: C that calls the compiled kernels in order.

The program reads the inputs from its standard input, one after the other, and writes the results
to its standard output. It needs libc and nothing else: what kernels want of TVM's runtime (scratch
memory, jobs, errors) is a few lines of C.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import tvm
from numpy.typing import NDArray
from tvm import relax
from tvm.target import Target

PREPARE = "main_transform_params"
_RUNTIME = Path(__file__).with_name("standalone.c")
_DTYPE_CODES = {"int": 0, "uint": 1, "float": 2, "bool": 6}


@dataclass
class Program:
    """The calls of a module, and the tensors between them."""

    shapes: list[tuple[tuple[int, ...], str]] = field(default_factory=list)
    """Shape and dtype of each tensor."""
    calls: list[tuple[str, list[int]]] = field(default_factory=list)
    """Name of each kernel, and its tensors."""
    inputs: list[int] = field(default_factory=list)
    """The data, then the weights."""
    outputs: list[int] = field(default_factory=list)
    prepared: int = 0
    """Calls that prepare the weights; they come first."""

    @classmethod
    def of(cls, module: tvm.IRModule) -> "Program":
        """Read the calls of `main`, and of the function that prepares its weights, if any."""
        program = cls()
        main = module["main"]
        data = int(main.attrs.get("num_input", len(main.params)))
        names: dict[relax.Var, list[int]] = {}
        for param in main.params[:data]:
            names[param] = [program._tensor(param.ty)]
            program.inputs += names[param]
        if PREPARE in [name.name_hint for name, _ in module.functions_items()]:
            prepare = module[PREPARE]
            weights = [program._tensor(ty) for ty in prepare.params[0].ty.fields]
            program.inputs += weights
            prepared = program._trace(prepare, {prepare.params[0]: weights})
            program.prepared = len(program.calls)
            for param, tensor in zip(main.params[data:], prepared, strict=True):
                names[param] = [tensor]
        program.outputs = program._trace(main, names)
        return program

    @property
    def source(self) -> str:
        """The program in C; its argument, if any, is how often to run after the preparation."""
        lines = [_RUNTIME.read_text()]
        for name in dict.fromkeys(name for name, _ in self.calls):
            lines.append(f"int __tvm_ffi_{name}(void *, const Any *, int, Any *);")
        for at, (shape, dtype) in enumerate(self.shapes):
            sizes = ", ".join(map(str, shape)) or "1"
            lines.append(f"static int64_t shape{at}[] = {{{sizes}}};")
            lines.append(f"static Tensor tensor{at} = {_tensor(at, shape, dtype)};")
        lines.append("int main(int count, char **arguments) {")
        lines.append("  int turns = count > 1 ? atoi(arguments[1]) : 1;")
        lines += [f"  make(&tensor{at}, {self._bytes(at)});" for at in range(len(self.shapes))]
        lines += [f"  take(&tensor{at}, {self._bytes(at)});" for at in self.inputs]
        lines += [f"  {_call(*call)}" for call in self.calls[: self.prepared]]
        lines.append("  for (int turn = 0; turn < turns; ++turn) {")
        lines += [f"    {_call(*call)}" for call in self.calls[self.prepared :]]
        lines.append("  }")
        lines += [f"  give(&tensor{at}, {self._bytes(at)});" for at in self.outputs]
        return "\n".join([*lines, "  return 0;", "}", ""])

    def read_results(self, data: bytes) -> list[NDArray]:
        """Return the results from what the program wrote."""
        results, start = [], 0
        for at in self.outputs:
            shape, dtype = self.shapes[at]
            count = self._bytes(at)
            array = np.frombuffer(data[start : start + count], dtype)
            results.append(array.reshape(shape))
            start += count
        return results

    def _tensor(self, ty: relax.TensorType) -> int:
        shape = tuple(int(size) for size in ty.shape.values)
        self.shapes.append((shape, str(ty.dtype)))
        return len(self.shapes) - 1

    def _bytes(self, at: int) -> int:
        shape, dtype = self.shapes[at]
        return prod(shape) * np.dtype(dtype).itemsize

    def _trace(self, function: relax.Function, names: dict[relax.Var, list[int]]) -> list[int]:
        """Follow the bindings of a function; return the tensors of its result."""

        def tensors(expr: relax.Expr) -> list[int]:
            if isinstance(expr, relax.Tuple):
                return [tensor for item in expr.fields for tensor in tensors(item)]
            return names[expr]

        for binding in _bindings(function):
            value = binding.value
            if isinstance(value, relax.Call) and value.op.name == "relax.call_tir":
                types = value.ty.fields if isinstance(value.ty, relax.TupleType) else [value.ty]
                results = [self._tensor(ty) for ty in types]
                self.calls.append((value.args[0].name_hint, [*tensors(value.args[1]), *results]))
                names[binding.var] = results
            elif isinstance(value, relax.TupleGetItem):
                names[binding.var] = [tensors(value.tuple_value)[value.index]]
            elif isinstance(value, relax.Var | relax.Tuple):
                names[binding.var] = tensors(value)
            else:
                raise TypeError(f"a lowered module has calls of kernels only, not {value}")
        return tensors(function.body.body)


def object_code(module: tvm.IRModule, target: Target) -> bytes:
    """Return the compiled kernels of a lowered module as an object file."""
    executable = relax.build(module, target)
    library = next(part for part in _modules(executable.mod) if part.kind == "llvm")
    with TemporaryDirectory() as folder:
        path = Path(folder) / "kernels.o"
        library.write_to_file(str(path), "o")
        return path.read_bytes()


def input_bytes(arrays: Sequence[NDArray]) -> bytes:
    """Return inputs as the program reads them."""
    return b"".join(np.ascontiguousarray(array).tobytes() for array in arrays)


def _modules(module: tvm.runtime.Module) -> Iterator[tvm.runtime.Module]:
    yield module
    for imported in module.imports:
        yield from _modules(imported)


def _bindings(function: relax.Function) -> Iterator[relax.Binding]:
    for block in function.body.blocks:
        yield from block.bindings


def _tensor(at: int, shape: tuple[int, ...], dtype: str) -> str:
    kind = dtype.rstrip("0123456789")
    bits = dtype[len(kind) :] or "8"
    return f"{{0, {{1, 0}}, {len(shape)}, {{{_DTYPE_CODES[kind]}, {bits}, 1}}, shape{at}, 0, 0}}"


def _call(name: str, tensors: list[int]) -> str:
    arguments = ", ".join(f"{{7, 0, {{.pointer = &tensor{at}}}}}" for at in tensors)
    count = len(tensors)
    return f"{{ const Any a[] = {{{arguments}}}; call(__tvm_ffi_{name}, a, {count}); }}"
