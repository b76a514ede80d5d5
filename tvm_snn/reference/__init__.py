"""The reference interpreter: runs a Relax function in numpy, op by op.

It owes nothing to TVM's code generator and is what compiled networks are verified against.
`interpreter.py` walks a function; each other file gives the meaning of one family of operators.
"""

from . import (  # noqa: F401  (importing a family enters its operators into the table)
    activation,
    convolution,
    creation,
    elementwise,
    indexing,
    linear_algebra,
    normalization,
    pooling,
    quantization,
    reduction,
    resize,
    shape,
)
from .interpreter import Observer, evaluate, evaluate_call, intermediates
from .table import MEANINGS, Value

SUPPORTED = frozenset(MEANINGS)
"""Names of the Relax operators the interpreter has; the `snn.*` ones live in tvm_snn.ops."""

__all__ = ["SUPPORTED", "Observer", "Value", "evaluate", "evaluate_call", "intermediates"]
