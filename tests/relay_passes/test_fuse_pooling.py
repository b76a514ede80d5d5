"""Which groups of kernels pooling joins."""

from collections.abc import Callable

import pytest
import tvm
from tvm import relax
from tvm.script import tirx as T

from tvm_snn.relay_passes import fuse_pooling
from tvm_snn.relay_passes.fuse_pooling import FusePooling
from tvm_snn.target import parse_target

IMAGE, POOLED = (1, 64, 64, 16), (1, 32, 64, 16)


@T.prim_func(private=True, s_tir=True)
def rows(x: T.Buffer((1, 64, 64, 16), "float32"), y: T.Buffer((1, 64, 64, 16), "float32")):
    """Stands for a convolution whose jobs compute a row each."""
    T.func_attr({"op_pattern": 4})
    with T.sblock("rows_core"):
        T.reads()
        T.writes()
        for job in T.parallel(64):
            with T.sblock("row"):
                v = T.axis.spatial(64, job)
                T.reads(x[v // 64, v % 64, :, :])
                T.writes(y[v // 64, v % 64, :, :])
                T.sblock_attr({"snn.owns_result": True})
                for column, c in T.grid(64, 16):
                    y[v // 64, v % 64, column, c] = x[v // 64, v % 64, column, c] * T.float32(2)


@T.prim_func(private=True, s_tir=True)
def halve(x: T.Buffer((1, 64, 64, 16), "float32"), y: T.Buffer((1, 32, 64, 16), "float32")):
    """Stands for a pooling: each row of the result is of two."""
    T.func_attr({"op_pattern": 4})
    with T.sblock("halve_core"):
        T.reads()
        T.writes()
        for job in T.parallel(32):
            with T.sblock("row"):
                v = T.axis.spatial(32, job)
                T.reads(x[v // 32, 0:64, :, :])
                T.writes(y[v // 32, v % 32, :, :])
                T.sblock_attr({"snn.owns_result": True, "snn.reads_windows": [2, 0, 2]})
                for column, c in T.grid(64, 16):
                    y[v // 32, v % 32, column, c] = T.float32(-1)
                    for i in range(2):
                        y[v // 32, v % 32, column, c] = T.max(
                            y[v // 32, v % 32, column, c], x[v // 32, v % 32 * 2 + i, column, c]
                        )


@T.prim_func(private=True, s_tir=True)
def negate(x: T.Buffer((1, 64, 64, 16), "float32"), y: T.Buffer((1, 64, 64, 16), "float32")):
    T.func_attr({"op_pattern": 0})
    for row, column, c in T.grid(64, 64, 16):
        with T.sblock("negated"):
            v_y, v_x, v_c = T.axis.remap("SSS", [row, column, c])
            y[0, v_y, v_x, v_c] = T.float32(0) - x[0, v_y, v_x, v_c]


Steps = Callable[..., relax.Expr]


class Program:
    """A module of the three kernels, groups of them, and a `main` that calls both."""

    def __init__(self) -> None:
        self._builder = relax.BlockBuilder()
        self._kernels = {
            name: self._builder.add_func(kernel, name)
            for name, kernel in (("rows", rows), ("halve", halve), ("negate", negate))
        }

    def call(self, name: str, x: relax.Expr) -> relax.Call:
        """A call of a kernel."""
        kind = relax.TensorType(POOLED if name == "halve" else IMAGE, "float32")
        return relax.call_tir(self._kernels[name], relax.Tuple([x]), out_ty=kind)

    def group(self, name: str, *kernels: str) -> tvm.ir.GlobalVar:
        """A group that calls kernels one after the other."""

        def steps(builder: relax.BlockBuilder, x: relax.Expr) -> relax.Expr:
            for kernel in kernels:
                x = builder.emit(self.call(kernel, x))
            return x

        function = _function(relax.BlockBuilder(), "group", steps, primitive=True)
        return self._builder.add_func(function, name)

    def module(self, steps: Steps) -> tvm.IRModule:
        """The module, in which `main` does `steps`."""
        _function(self._builder, "main", steps, primitive=False)
        return self._builder.get()


def _function(
    builder: relax.BlockBuilder, name: str, steps: Steps, *, primitive: bool
) -> relax.Function:
    x = relax.Var("x", relax.TensorType(IMAGE, "float32"))
    attrs = {"Primitive": 1} if primitive else None
    with builder.function(name, [x], attrs, private=primitive):
        with builder.dataflow():
            result = builder.emit_output(steps(builder, x))
        builder.emit_func_output(result)
    return builder.get()[name]


def _fused(module: tvm.IRModule, target: str = "llvm -mcpu=haswell") -> tvm.IRModule:
    with parse_target(target):
        return FusePooling()(module)


def _check(found: tvm.IRModule, expected: tvm.IRModule) -> None:
    """Compare, but for functions that are not called and second names of variables."""
    plain = tvm.transform.Sequential(
        [relax.transform.CanonicalizeBindings(), relax.transform.DeadCodeElimination()]
    )
    tvm.ir.assert_structural_equal(plain(found), plain(expected))


def _stem() -> tvm.IRModule:
    program = Program()
    convolution = program.group("rows_negate", "rows", "negate")

    def main(builder: relax.BlockBuilder, x: relax.Expr) -> relax.Expr:
        return program.call("halve", builder.emit(relax.Call(convolution, [x])))

    return program.module(main)


def test_pooling_joins_the_group_whose_result_it_pools() -> None:
    program = Program()
    whole = program.group("rows_negate_halve", "rows", "negate", "halve")
    expected = program.module(lambda _builder, x: relax.Call(whole, [x]))
    _check(_fused(_stem()), expected)


@pytest.mark.parametrize("target", ["raspberry-pi-4", "llvm -mtriple=armv7-linux-gnueabihf"])
def test_only_where_it_was_measured(target: str) -> None:
    _check(_fused(_stem(), target), _stem())


def test_small_images_stay_in_the_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fuse_pooling, "_WORTH_ROLLING", 4 * 64 * 64 * 16 + 1)
    _check(_fused(_stem()), _stem())


def _image_with_two_readers(builder: relax.BlockBuilder, program: Program, x: relax.Expr):
    image = builder.emit(program.call("rows", x))
    pooled = builder.emit(program.call("halve", image))
    return relax.Tuple([image, pooled])


def _not_by_rows(builder: relax.BlockBuilder, program: Program, x: relax.Expr):
    return program.call("halve", builder.emit(program.call("negate", x)))


def _of_an_input(_builder: relax.BlockBuilder, program: Program, x: relax.Expr):
    return program.call("halve", x)


@pytest.mark.parametrize("steps", [_image_with_two_readers, _not_by_rows, _of_an_input])
def test_what_stays_apart(steps: Steps) -> None:
    program = Program()
    before = program.module(lambda builder, x: steps(builder, program, x))
    _check(_fused(before), before)
