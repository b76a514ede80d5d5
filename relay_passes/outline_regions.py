"""Let `main` call the accelerator: each region becomes one call of a packed function."""

from collections.abc import Sequence

import tvm
from tvm import relax
from tvm.relax.expr_functor import PyExprMutator, mutator

from .layers import var_bindings
from .partition import Region
from .trace_kernels import ACCELERATE


def outline_regions(regions: Sequence[Region]) -> tvm.transform.Pass:
    """Return the pass that replaces regions of a lifted network's `main` by calls.

    The call of region i is `tvm_snn.accelerate(i, image, *results)`, the results being written in
    place. Tensors keep their names; weights that only the accelerator needs are parameters no
    more.
    """

    @tvm.transform.module_pass(opt_level=0, name="OutlineRegions")
    def transform(module: tvm.IRModule, _context: tvm.transform.PassContext) -> tvm.IRModule:
        outliner = _Outliner(module, regions)
        main = outliner.visit_expr(module["main"])
        outliner.builder_.update_func(module.get_global_var("main"), main)
        return _without_unused_weights(
            relax.transform.DeadCodeElimination()(outliner.builder_.get())
        )

    return transform


@mutator
class _Outliner(PyExprMutator):
    def __init__(self, module: tvm.IRModule, regions: Sequence[Region]) -> None:
        super().__init__(module)
        main = module["main"]
        self._types = {str(b.var.name): b.var.ty for b in var_bindings(main)}
        self._variables = {str(b.var.name): b.var for b in var_bindings(main)}
        self._variables |= {str(param.name): param for param in main.params}
        self._regions = {region.layers[0].name: (i, region) for i, region in enumerate(regions)}
        self._results: dict[str, relax.Expr] = {}

    def visit_var_binding_(self, binding: relax.VarBinding) -> None:
        name = str(binding.var.name)
        if name in self._regions:
            self._call(*self._regions[name])
        if name in self._results:
            value = self.builder_.normalize(self._results[name])
            var = type(binding.var)(name, value.ty)
            self.builder_.emit_normalized(relax.VarBinding(var, value))
            self.set_var_remap(binding.var, var)
            return
        super().visit_var_binding_(binding)

    def _call(self, number: int, region: Region) -> None:
        image = self.visit_expr(self._variables[region.image])
        types = [self._types[result.tensor] for result in region.results]
        call = relax.op.call_dps_packed(
            ACCELERATE,
            relax.Tuple([tvm.tirx.IntImm("int64", number), image]),
            out_ty=types if len(types) > 1 else types[0],
        )
        if len(types) == 1:
            self._results[region.results[0].tensor] = call
            return
        whole = self.builder_.emit(call, f"region{number}")
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
