"""Compute narrow convolutions of one image as one wide convolution, whose result is cut in slices.

conv(x, a), conv(x, b)      becomes      wide = conv(x, [a, b]); wide[0:A], wide[A:A+B]

The branches of a group in Group-Net read the same image where connections are hard, and in the
first group. A wide convolution fills vectors and is one call; but scale, BatchNorm and the next
sign are fused to a convolution alone and not to slices of one, whose sums go through memory. On
x86, by `python benchmarks/branches.py` beside other work, four branches of 16 channels took 0.91 to
0.94 of the time that way on maps of 16x16 and 0.97 to 0.99 on 8x8, of 32 channels 0.99 to 1.03, of
64 channels 0.99 to 1.11: wide ones stay apart.
"""

from collections import defaultdict
from collections.abc import Container, Hashable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import tvm
from tvm import relax
from tvm.relax.expr_functor import PyExprMutator, mutator

from ..ops import static_shape
from ..tvm_api import attrs_dict
from .choose_strategies import Choice
from .layers import operator_name, var_bindings
from .mutation import emit_named, mutate_main
from .trace_kernels import Kernel

MOST_OUTPUTS = 16
"""Output channels of a convolution that is merged, at most."""

_CONVOLUTIONS = ("snn.binary_conv2d", "snn.subset_conv2d")
_SLICE = "relax.strided_slice"


@tvm.transform.module_pass(opt_level=0, name="MergeBranches")
class MergeBranches:
    """Merge convolutions of `main` that read the same signs or levels.

    All that is said of them but their weights has to be the same; sub-bit ones have the same
    subset, for more kernels would need longer indices. Runs on images that are channels-first. A
    slice keeps the name of the layer whose sums it holds.
    """

    def transform_module(
        self, module: tvm.IRModule, _context: tvm.transform.PassContext
    ) -> tvm.IRModule:
        """Apply to `main`."""
        return mutate_main(module, _Merger(module))


def merged_layers(module: tvm.IRModule, names: Container[str]) -> dict[str, tuple[str, ...]]:
    """Return the layers that each wide convolution computes, by the name of its variable.

    `names` are those of the network's layers: other slices are the network's own.
    """
    layers: dict[str, tuple[str, ...]] = defaultdict(tuple)
    for binding in var_bindings(module["main"]):
        if operator_name(binding.value) == _SLICE and str(binding.var.name) in names:
            layers[str(binding.value.args[0].name)] += (str(binding.var.name),)
    return dict(layers)


def choices_of_layers(
    choices: Mapping[str, Choice], merged: Mapping[str, Sequence[str]]
) -> dict[str, Choice]:
    """Return the choices by layer: those that are merged have that of their wide convolution."""
    found = dict(choices)
    for wide, layers in merged.items():
        choice = found.pop(wide)
        reason = f"one convolution computes {', '.join(layers)}; {choice.reason}"
        found |= dict.fromkeys(layers, replace(choice, reason=reason))
    return found


def kernels_of_layers(
    kernels: Sequence[Kernel], merged: Mapping[str, Sequence[str]]
) -> tuple[Kernel, ...]:
    """Return the kernels; those of a wide convolution compute the layers that are merged in it."""
    return tuple(
        replace(
            kernel,
            computes=(*kernel.computes, *(n for w in kernel.computes for n in merged.get(w, ()))),
        )
        for kernel in kernels
    )


@mutator
class _Merger(PyExprMutator):
    def __init__(self, module: tvm.IRModule) -> None:
        super().__init__(module)
        alike: dict[Hashable, list[relax.VarBinding]] = defaultdict(list)
        for binding in var_bindings(module["main"]):
            key = _key(binding.value)
            if key is not None and isinstance(binding.var, relax.DataflowVar):
                alike[key].append(binding)
        groups = [group for group in alike.values() if len(group) > 1]
        self._groups = {binding.var: group for group in groups for binding in group}
        self._parts: dict[relax.Var, relax.Expr] = {}

    def visit_var_binding_(self, binding: relax.VarBinding) -> None:
        group = self._groups.get(binding.var)
        if group is None:
            super().visit_var_binding_(binding)
            return
        if binding.var not in self._parts:
            self._merge(group)
        name, part = str(binding.var.name), self._parts[binding.var]
        self.set_var_remap(binding.var, emit_named(self.builder_, name, part))

    def _merge(self, group: Sequence[relax.VarBinding]) -> None:
        """Emit the wide convolution, and note of each layer the slice that it is."""
        first = group[0].value
        data, *shared = (self.visit_expr(argument) for argument in first.args[:-1])
        own = [_array(binding.value.args[-1]) for binding in group]
        wide = relax.Call(first.op, [data, *shared, relax.const(np.concatenate(own))], first.attrs)
        sums = self.builder_.emit(wide)
        end = 0
        for binding, weights in zip(group, own, strict=True):
            start, end = end, end + len(weights)
            self._parts[binding.var] = relax.op.strided_slice(sums, [1], [start], [end])


def _key(value: relax.Expr) -> Hashable | None:
    """What convolutions share that can be merged; None for all else."""
    if operator_name(value) not in _CONVOLUTIONS:
        return None
    attrs, shape = attrs_dict(value), static_shape(value.ty)
    if str(value.args[0].ty.dtype) == "float32" or shape is None or shape[1] > MOST_OUTPUTS:
        return None
    if attrs["groups"] != 1 or attrs["data_layout"] != "NCHW":
        return None
    # The weights, or indices into a subset, come last, a row for each output.
    shared = [(array.shape, array.tobytes()) for array in map(_array, value.args[1:-1])]
    return operator_name(value), value.args[0], tuple(shared), str(sorted(attrs.items()))


def _array(constant: relax.Expr) -> np.ndarray:
    return constant.value.numpy()
