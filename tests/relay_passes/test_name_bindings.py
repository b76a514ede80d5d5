from tvm import relax

from tests.building import module, named, tensor
from tvm_snn.relay_passes.name_bindings import name_bindings


def test_variables_are_named_after_their_operators() -> None:
    def body(builder, x):
        x = builder.emit(relax.op.add(x, x))
        x = named(builder, "add2", relax.op.sign(x))
        x = builder.emit(relax.op.add(x, x))
        return builder.emit(relax.op.multiply(x, x))

    after = name_bindings(frozenset({"add2"}))(module([tensor("multiply", 4)], body))
    names = [str(b.var.name) for block in after["main"].body.blocks for b in block.bindings]
    assert names[:4] == ["add", "add2", "add3", "multiply2"]
    assert len(set(names)) == len(names)
