"""The names of a model's outputs, which Relax has no place for, kept as an attribute of `main`."""

from collections.abc import Sequence

import tvm
from tvm import relax

_ATTRIBUTE = "output_names"


def name_outputs(module: tvm.IRModule, names: Sequence[str]) -> tvm.IRModule:
    """Return the module with the names of its outputs noted."""
    result = tvm.IRModule(dict(module.functions), attrs=module.attrs)
    main = module.get_global_var("main")
    result.update_func(main, module["main"].with_attr(_ATTRIBUTE, list(names)))
    return result


def output_names(function: relax.Function, count: int) -> list[str]:
    """Return a name for each of the `count` outputs: the model's own, else output0, output1, ..."""
    noted = (function.attrs or {}).get(_ATTRIBUTE, [])
    names = [str(name) for name in noted]
    if len(set(names)) == count and len(names) == count and all(names):
        return names
    return ["output"] if count == 1 else [f"output{number}" for number in range(count)]
