"""The main path beyond what the networks of the other tests take."""

import numpy as np
import pytest
import tvm
from tvm import relax

import tvm_snn
from tests.building import module, named, sub_bit_weight, tensor
from tests.compiled import small_module

op = relax.op


@pytest.mark.parametrize(
    "program",
    [
        lambda x: op.cumsum(x, 1),
        lambda x: op.sort(x),
        lambda x: op.argsort(x),
        lambda x: op.topk(x, 2, ret_type="values"),
        lambda x: op.scatter_elements(
            x, relax.const(np.ones((4, 1), np.int64)), relax.const(np.ones((4, 1), np.float32))
        ),
    ],
)
def test_operators_that_tvm_lowers_as_one_opaque_block(program) -> None:
    network = tvm_snn.compile(
        module([tensor("x", 4, 6)], lambda builder, x: builder.emit(program(x)))
    )
    assert tvm_snn.verify(network).checks


def test_an_operator_without_code_is_named() -> None:
    with pytest.raises(tvm_snn.UnsupportedOperatorError, match="sinh"):
        tvm_snn.compile(module([tensor("x", 4)], lambda builder, x: builder.emit(op.sinh(x))))


def test_what_cannot_be_verified_here_is_refused_before_anything_is_done() -> None:
    with pytest.raises(tvm_snn.TargetError, match=r"cannot be verified here.*aarch64 as in"):
        tvm_snn.compile("there is no such file.onnx", "llvm -mcpu=cortex-a72", verify=True)


@pytest.mark.parametrize("target", ["llvm -mcpu=x86-64", "llvm -mcpu=haswell"])
def test_targets_with_fewer_instructions(target: str) -> None:
    network = tvm_snn.compile(small_module(), target)
    assert "avx512f" not in network.artifact.requirements.extensions
    assert tvm_snn.verify(network).cores


def test_nhwc_network() -> None:
    weight = np.ascontiguousarray(sub_bit_weight(32, 16, size=8).transpose(2, 3, 1, 0))

    def body(builder, x):
        conv = op.nn.conv2d(
            builder.emit(op.sign(x)),
            relax.const(weight),
            padding=(1, 1),
            strides=(2, 2),
            data_layout="NHWC",
            kernel_layout="HWIO",
        )
        return builder.emit(op.nn.relu(named(builder, "conv", conv)))

    network = tvm_snn.compile(module([tensor("x", 3, 9, 9, 16)], body))
    assert network.report().rows[0].verdict == "sub-bit"
    assert [core.exact for core in tvm_snn.verify(network).cores] == [True]


def test_a_network_without_binary_layers() -> None:
    def body(builder, x):
        weight = np.random.default_rng(0).normal(size=(4, 3, 3, 3)).astype(np.float32)
        return named(builder, "conv", op.nn.conv2d(x, relax.const(weight)))

    network = tvm_snn.compile(module([tensor("x", 1, 3, 8, 8)], body))
    assert tvm_snn.verify(network).cores == []
    assert [row.verdict for row in network.report().rows] == ["dense"]


def test_reshapes_of_one_shape_of_which_only_the_last_is_a_kernel() -> None:
    def body(builder, x):
        before = builder.emit(relax.op.reshape(x, (3, 10)))
        softmax = builder.emit(relax.op.nn.softmax(before, axis=-1))
        return builder.emit(relax.op.reshape(softmax, (3, 10)))

    network = tvm_snn.compile(module([tensor("x", 3, 10)], body))
    assert [kernel.outputs for kernel in network.artifact.kernels] == [("softmax",), ("reshape2",)]
    np.testing.assert_allclose(network(np.zeros((3, 10), np.float32)), 0.1, rtol=1e-6)


def test_inputs_of_other_dtypes() -> None:
    def body(builder, ids, x):
        return builder.emit(op.take(x, ids, axis=0))

    params = [tensor("ids", 3, dtype="int64"), tensor("x", 5, 2)]
    network = tvm_snn.compile(module(params, body))
    x = np.arange(10, dtype=np.float32).reshape(5, 2)
    np.testing.assert_array_equal(network(np.array([4, 0, 2]), x), x[[4, 0, 2]])


def test_a_subset_of_one_kernel() -> None:
    def body(builder, x):
        weight = relax.const(sub_bit_weight(16, 16, size=1))
        signs = builder.emit(op.sign(x))
        return named(builder, "conv", op.nn.conv2d(signs, weight, padding=(1, 1)))

    network = tvm_snn.compile(module([tensor("x", 1, 16, 5, 5)], body))
    (row,) = network.report().rows
    assert (row.tau, row.kernels, row.weight_bits) == (0, 1, 0)


def test_the_model_is_left_as_it_was() -> None:
    model = small_module()
    before = model.script()
    tvm_snn.inspect(model)
    assert model.script() == before
    assert isinstance(model, tvm.IRModule)
