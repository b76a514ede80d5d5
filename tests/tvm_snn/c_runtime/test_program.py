import numpy as np
import pytest
import tvm
from tvm import relax
from tvm.script import ir as I
from tvm.script import relax as R
from tvm.script import tirx as T

import tvm_snn
from tvm_snn.c_runtime.program import read_program


@I.ir_module
class Example:
    @T.prim_func(s_tir=True, private=True)
    def split(x: T.Buffer((4,), "int8"), y: T.Buffer((4,), "int8"), z: T.Buffer((2,), "float32")):
        for i in range(4):
            y[i] = x[i]
        for i in range(2):
            z[i] = T.float32(0)

    @T.prim_func(s_tir=True, private=True)
    def copy(x: T.Buffer((2, 2), "int8"), y: T.Buffer((2, 2), "int8")):
        for i, j in T.grid(2, 2):
            y[i, j] = x[i, j]

    @R.function
    def main(
        x: R.Tensor((4,), "int8"), pair: R.Tuple(R.Tensor((4,), "int8"), R.Tensor((), "int64"))
    ):
        cls = Example
        with R.dataflow():
            both = R.call_tir(
                cls.split, (x,), out_ty=[R.Tensor((4,), "int8"), R.Tensor((2,), "float32")]
            )
            first = both[0]
            view = R.reshape(first, R.shape([2, 2]))
            copied = R.call_tir(cls.copy, (view,), out_ty=R.Tensor((2, 2), "int8"))
            number = pair[1]
            result = (copied, both[1], number, R.const(7, "int64"))
            R.output(result)
        return result


def test_calls_tuples_views_and_constants() -> None:
    program = read_program(Example["main"])
    x, first, second = program.inputs
    assert [value.nbytes for value in program.inputs] == [4, 4, 8]
    split, copy = program.calls
    assert (split.kernel, copy.kernel) == ("split", "copy")
    assert split.reads == (x,)
    assert [value.nbytes for value in split.writes] == [4, 8]
    assert copy.reads == split.writes[:1], "a view is what it is a view of"
    *computed, constant = program.outputs
    assert computed == [*copy.writes, split.writes[1], second]
    assert constant.constant == np.int64(7).tobytes()
    assert first not in (*split.reads, *copy.reads)


def test_a_call_into_a_runtime() -> None:
    builder = relax.BlockBuilder()
    x = relax.Var("x", R.Tensor((4,), "float32"))
    with builder.function("main", [x]):
        call = relax.call_dps_packed("my.function", (x,), R.Tensor((4,), "float32"))
        builder.emit_func_output(builder.emit(call))
    with pytest.raises(
        tvm_snn.UnsupportedOperatorError, match=r"can only call kernels, not .*my\.f"
    ):
        read_program(builder.get()["main"])


def test_a_shape_that_is_not_static() -> None:
    n = tvm.tirx.Var("n", "int64")
    x = relax.Var("x", relax.TensorType([n], "float32"))
    function = relax.Function([x], relax.SeqExpr([], x), x.ty)
    with pytest.raises(tvm_snn.UnsupportedOperatorError, match="x has no static shape"):
        read_program(function)
