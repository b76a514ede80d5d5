"""Repeat in `main` what it calls for slices of the batch, when all operators are calls of kernels.

From there on a network is one function again: its memory is planned as a whole, and what depends
on weights only, which all slices share, is computed when the network is loaded.
"""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import tvm
from numpy.typing import NDArray
from tvm import relax
from tvm.relax.analysis import free_vars

from .layers import var_bindings
from .mutation import emit_named, rebuilt
from .slice_batch import BODY
from .trace_kernels import Kernel

_PART = "@"
_SLICE = re.compile(rf"(.+){_PART}(\d+)")
"""Name of a slice: the tensor's, and the slice's number."""


@tvm.transform.module_pass(opt_level=0, name="InlineBody")
class InlineBody:
    """Replace the calls of :data:`BODY`. Variables of slice i get the name of the tensor, `@i`."""

    def transform_module(
        self, module: tvm.IRModule, _context: tvm.transform.PassContext
    ) -> tvm.IRModule:
        """Apply to `main`."""
        if BODY not in [str(name.name_hint) for name in module.get_global_vars()]:
            return module
        function, main = module[BODY], module["main"]
        body = module.get_global_var(BODY)
        builder = relax.BlockBuilder()
        known: dict[relax.Expr, relax.Expr] = {}
        results: dict[relax.Expr, Sequence[relax.Expr]] = {}
        repeater = _Repeater(builder, function)
        with builder.function("main", list(main.params), dict(main.attrs)):
            with builder.dataflow():
                for binding in var_bindings(main):
                    value = rebuilt(binding.value, known)
                    if isinstance(value, relax.Call) and value.op == body:
                        results[binding.var] = repeater.emit(value.args)
                    elif isinstance(value, relax.TupleGetItem) and value.tuple_value in results:
                        known[binding.var] = results[value.tuple_value][value.index]
                    else:
                        name, kind = str(binding.var.name), type(binding.var)
                        known[binding.var] = emit_named(builder, name, value, kind)
            builder.emit_func_output(rebuilt(main.body.body, known))
        functions = {n: f for n, f in module.functions_items() if n != body}
        inlined = tvm.IRModule(functions, attrs=module.attrs)
        inlined.update_func(module.get_global_var("main"), builder.get()["main"])
        return inlined


def computing_tensors(kernel: Kernel) -> Kernel:
    """Return a kernel that is said to compute the tensors, too, of which it computes slices."""
    found = filter(None, map(_SLICE.fullmatch, kernel.computes))
    tensors = dict.fromkeys(match[1] for match in found)
    return replace(kernel, computes=(*kernel.computes, *tensors))


def join_slices(buffers: Mapping[str, list[NDArray]]) -> dict[str, list[NDArray]]:
    """Return the contents of tensors by name, with those of tensors that lie there in slices."""
    parts: dict[str, dict[int, list[NDArray]]] = defaultdict(dict)
    for name, found in buffers.items():
        match = _SLICE.fullmatch(name)
        if match is not None:
            parts[match[1]][int(match[2])] = found
    joined = {}
    for name, slices in parts.items():
        fields = zip(*(slices[number] for number in sorted(slices)), strict=True)
        joined[name] = [np.concatenate(field) for field in fields]
    return {**joined, **buffers}


class _Repeater:
    """Emits the body again and again, but once only what does not depend on the slice."""

    def __init__(self, builder: relax.BlockBuilder, body: relax.Function) -> None:
        self._builder, self._body = builder, body
        self._sliced = set(body.params[: int(body.attrs["num_input"])])
        for binding in var_bindings(body):
            if self._sliced.intersection(free_vars(binding.value)):
                self._sliced.add(binding.var)
        bound = {binding.var: binding.value for binding in var_bindings(body)}
        self._results = bound.pop(body.body.body)
        self._bindings = [binding for binding in var_bindings(body) if binding.var in bound]
        self._once: dict[relax.Expr, relax.Expr] = {}
        self._count = 0

    def emit(self, arguments: Sequence[relax.Expr]) -> Sequence[relax.Expr]:
        """Emit the body for a slice, and return its results."""
        known = {**self._once, **dict(zip(self._body.params, arguments, strict=True))}
        for binding in self._bindings:
            if binding.var in known:
                continue
            value, name = rebuilt(binding.value, known), str(binding.var.name)
            if binding.var in self._sliced:
                known[binding.var] = emit_named(self._builder, f"{name}{_PART}{self._count}", value)
            else:
                known[binding.var] = self._once[binding.var] = emit_named(
                    self._builder, name, value
                )
        self._count += 1
        return [known[field] for field in self._results.fields]
