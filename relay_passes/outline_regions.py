"""Let `main` call the accelerator: each region becomes one call of a packed function."""

from collections.abc import Mapping, Sequence

import tvm
from tvm import relax
from tvm.relax.expr_functor import PyExprMutator, mutator

from .layers import var_bindings
from .mutation import emit_named, mutate_main
from .regions import Region
from .trace_kernels import ACCELERATE


def outline_regions(regions: Sequence[Region]) -> tvm.transform.Pass:
    """Return the pass that replaces regions of a lifted network's `main` by calls.

    The call of region i is `tvm_snn.accelerate(i, *inputs, *results)`, the results being written in
    place. Tensors keep their names; a call with several results is `region{i}`. Weights that
    only the accelerator needs are parameters no more.
    """

    @tvm.transform.module_pass(opt_level=0, name="OutlineRegions")
    def transform(module: tvm.IRModule, _context: tvm.transform.PassContext) -> tvm.IRModule:
        ordered = tvm.IRModule(dict(module.functions), attrs=module.attrs)
        main = _with_inputs_first(module["main"], regions)
        ordered.update_func(module.get_global_var("main"), main)
        outlined = mutate_main(ordered, _Outliner(ordered, regions))
        return _without_unused_weights(relax.transform.DeadCodeElimination()(outlined))

    return transform


def result_name(number: int, tensors: Sequence[str]) -> str:
    """Return the variable that holds what the call of a region with these results returns."""
    return tensors[0] if len(tensors) == 1 else f"region{number}"


def _with_inputs_first(main: relax.Function, regions: Sequence[Region]) -> relax.Function:
    """Return the function with all that a region takes computed before anything it gives.

    Otherwise the order stays: a layer's residual may be computed after the layer.
    """
    (block,) = main.body.blocks
    bindings = {str(binding.var.name): binding for binding in block.bindings}
    needed = {
        name: [str(var.name) for var in relax.analysis.free_vars(binding.value)]
        for name, binding in bindings.items()
    }
    for region in regions:
        for result in region.results:
            needed[result.tensor] = [one.tensor for one in region.inputs]
    order = [bindings[name] for name in _in_order(needed)]
    body = relax.SeqExpr([type(block)(order)], main.body.body)
    return relax.Function(main.params, body, main.ret_ty, attrs=main.attrs)


def _in_order(needed: Mapping[str, Sequence[str]]) -> list[str]:
    """Return names, each after those that it needs; of names from elsewhere nothing is asked."""
    done: dict[str, None] = {}
    for name in needed:
        waiting = [name]
        while waiting:
            before = [n for n in needed[waiting[-1]] if n in needed and n not in done]
            if before:
                waiting.append(before[0])
            else:
                done.setdefault(waiting.pop())
    return list(done)


@mutator
class _Outliner(PyExprMutator):
    def __init__(self, module: tvm.IRModule, regions: Sequence[Region]) -> None:
        super().__init__(module)
        main = module["main"]
        self._types = {str(b.var.name): b.var.ty for b in var_bindings(main)}
        self._variables = {str(b.var.name): b.var for b in var_bindings(main)}
        self._variables |= {str(param.name): param for param in main.params}
        self._regions = {
            result.tensor: (number, region)
            for number, region in enumerate(regions)
            for result in region.results
        }
        self._results: dict[str, relax.Expr] = {}

    def visit_var_binding_(self, binding: relax.VarBinding) -> None:
        name = str(binding.var.name)
        if name not in self._regions:
            super().visit_var_binding_(binding)
            return
        if name not in self._results:
            self._call(*self._regions[name])
        var = emit_named(self.builder_, name, self._results[name], type(binding.var))
        self.set_var_remap(binding.var, var)

    def _call(self, number: int, region: Region) -> None:
        inputs = [self.visit_expr(self._variables[one.tensor]) for one in region.inputs]
        types = [self._types[result.tensor] for result in region.results]
        call = relax.op.call_dps_packed(
            ACCELERATE,
            relax.Tuple([tvm.tirx.IntImm("int64", number), *inputs]),
            out_ty=types if len(types) > 1 else types[0],
        )
        if len(types) == 1:
            self._results[region.results[0].tensor] = call
            return
        tensors = [result.tensor for result in region.results]
        whole = emit_named(self.builder_, result_name(number, tensors), call)
        for place, result in enumerate(region.results):
            self._results[result.tensor] = relax.TupleGetItem(whole, place)


def _without_unused_weights(module: tvm.IRModule) -> tvm.IRModule:
    main = module["main"]
    count = int(main.attrs["num_input"])
    used = set(relax.analysis.free_vars(main.body))
    params = [p for i, p in enumerate(main.params) if i < count or p in used]
    result = tvm.IRModule(dict(module.functions), attrs=module.attrs)
    result.update_func(
        module.get_global_var("main"),
        relax.Function(params, main.body, main.ret_ty, attrs=main.attrs),
    )
    return result
