"""Give every variable of `main` a name of its own that says what it holds."""

from collections import Counter

import tvm
from tvm import relax

from .layers import operator_name, rename_bindings, var_bindings


def name_bindings(layers: frozenset[str]) -> tvm.transform.Pass:
    """Return the pass that names all variables but those of `layers` after their operators.

    The first `relax.add` becomes `add`, the next `add2`, and so on, so that reports and error
    messages can name a tensor that is not a layer, and every tensor can be found by its name.
    """

    @tvm.transform.module_pass(opt_level=0, name="NameBindings")
    def transform(module: tvm.IRModule, _context: tvm.transform.PassContext) -> tvm.IRModule:
        count: Counter[str] = Counter(dict.fromkeys(layers, 1))
        count.update(str(param.name) for param in module["main"].params)
        names = {}
        for binding in var_bindings(module["main"]):
            if str(binding.var.name) not in layers:
                names[binding.var] = _free_name(_stem(binding.value), count)
        return rename_bindings(module, names)

    return transform


def _stem(value: relax.Expr) -> str:
    name = operator_name(value)
    return name.rsplit(".", 1)[-1] if name else type(value).__name__.lower()


def _free_name(stem: str, count: Counter[str]) -> str:
    while True:
        count[stem] += 1
        name = stem if count[stem] == 1 else f"{stem}{count[stem]}"
        if name == stem or not count[name]:
            count[name] = max(count[name], 1)
            return name
