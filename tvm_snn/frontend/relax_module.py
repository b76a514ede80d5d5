"""Relax modules that the user has made: checked, and given layer names."""

import re

import tvm
from tvm import relax

from ..errors import ModelError
from ..relay_passes.layers import layer_bindings
from .layer_names import set_layer_names

_AUTOMATIC = re.compile(r"(lv|gv)(_?\d+)*$")
"""The names that Relax makes up."""


def import_relax(module: tvm.IRModule) -> tvm.IRModule:
    """Return a module whose layers have names; those the user chose are kept.

    Raises ModelError when the module is ill-formed or its weights are parameters of `main`.
    """
    if "main" not in [str(variable.name_hint) for variable in module.get_global_vars()]:
        raise ModelError("The module has no function 'main': name the network's function so.")
    try:
        relax.analysis.well_formed(module)
    except Exception as error:
        # TVM raises whatever exception type its check at that place happens to use.
        raise ModelError(f"The Relax module is not well-formed: {error}") from error
    function = module["main"]
    inputs = int((function.attrs or {}).get("num_input", len(function.params)))
    if inputs < len(function.params):
        weights = [parameter.name for parameter in function.params[inputs:]]
        raise ModelError(
            f"{len(weights)} parameters of 'main' are weights ({weights[0]!r}, ...): bind them "
            "first with relax.transform.BindParams."
        )
    module = relax.transform.CanonicalizeBindings()(relax.transform.Normalize()(module))
    names = {
        binding.var: "" if _AUTOMATIC.match(binding.var.name) else binding.var.name
        for binding in layer_bindings(module["main"])
    }
    return set_layer_names(module, names)
