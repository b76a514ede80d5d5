"""Equal calls are lowered once, and what they are lowered to is said again for other operands."""

from itertools import pairwise

import numpy as np
import tvm
from tvm import relax

from tests.building import module, tensor
from tvm_snn.ops import OPERATORS
from tvm_snn.schedules.legalize import legalize_call
from tvm_snn.schedules.replay import lowered_once
from tvm_snn.target import parse_target

OPERATOR = "snn.binary_dense"


def layers(sizes: list[int]) -> tvm.IRModule:
    """One binary layer after the other, each of its own weights."""
    pairs = list(pairwise(sizes))
    weights = [tensor(f"w{i}", out, size, dtype="int8") for i, (size, out) in enumerate(pairs)]

    def body(builder: relax.BlockBuilder, x: relax.Expr, *given: relax.Expr) -> relax.Expr:
        for weight in given:
            sums = builder.emit(OPERATORS[OPERATOR](x, weight, strategy="xnor_popcount"))
            x = builder.emit(relax.op.astype(relax.op.sign(sums), "int8"))
        return x

    return module([tensor("x", 2, sizes[0], dtype="int8"), *weights], body)


def counted() -> tuple[list[relax.Call], relax.transform.LegalizeOps]:
    """The calls that were lowered, and the pass that lowers them once."""
    calls: list[relax.Call] = []

    def legalize(bb: relax.BlockBuilder, call: relax.Call) -> relax.Expr:
        calls.append(call)
        return legalize_call(bb, call)

    return calls, relax.transform.LegalizeOps({OPERATOR: lowered_once(legalize)})


def test_equal_layers_are_lowered_once_and_computed_each() -> None:
    target = parse_target("host")
    calls, once = counted()
    network = layers([70, 70, 70, 70, 33])
    with target:
        legalized = once(network)
        plain = relax.transform.LegalizeOps({OPERATOR: legalize_call})(network)
    assert len(calls) == 2
    tvm.ir.assert_structural_equal(legalized, plain)
    generator = np.random.default_rng(0)
    signs = [
        generator.choice(np.array([-1, 1], np.int8), [int(n) for n in param.ty.shape.values])
        for param in network["main"].params
    ]
    machine = relax.VirtualMachine(relax.build(legalized, target), tvm.cpu())
    found = machine["main"](*map(tvm.runtime.tensor, signs)).numpy()
    x, *weights = (array.astype(np.int64) for array in signs)
    for weight in weights:
        x = np.sign(x @ weight.T)
    np.testing.assert_array_equal(found, x)


def test_another_target_is_another_lowering() -> None:
    calls, once = counted()
    for target in ("host", "llvm -mcpu=x86-64", "host"):
        with parse_target(target):
            once(layers([16, 16, 16]))
    assert len(calls) == 2
