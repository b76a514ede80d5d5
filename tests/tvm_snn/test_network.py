import numpy as np
import pytest
import torch
from tvm import relax

import tvm_snn
from tests.building import module, tensor
from tests.compiled import small_inputs, small_module, small_network
from tvm_snn.reference import evaluate


def test_outputs_are_those_of_the_model() -> None:
    inputs = small_inputs()
    for found, expected in zip(
        small_network()(*inputs), evaluate(small_module()["main"], inputs), strict=True
    ):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


def test_inputs_by_position_by_name_and_from_torch() -> None:
    image, offset = small_inputs()
    network = small_network()
    expected = network(image, offset)[0]
    np.testing.assert_array_equal(network(image, offset=offset)[0], expected)
    np.testing.assert_array_equal(network(offset=offset, image=image)[0], expected)
    tensors = torch.from_numpy(image).requires_grad_(), torch.from_numpy(offset)
    np.testing.assert_array_equal(network(*tensors)[0], expected)
    strided = np.asfortranarray(image)
    np.testing.assert_array_equal(network(strided, offset)[0], expected)


def test_calls_leave_nothing_behind() -> None:
    network = small_network()
    first = network(*small_inputs(0))[0]
    kept = first.copy()
    network(*small_inputs(1))
    np.testing.assert_array_equal(first, kept)
    np.testing.assert_array_equal(network(*small_inputs(0))[0], kept)


def test_specs() -> None:
    network = small_network()
    assert list(map(str, network.inputs)) == [
        "image: float32[2, 3, 8, 8]",
        "offset: float32[1, 16, 1, 1]",
    ]
    assert [spec.shape for spec in network.outputs] == [(2, 10), (2, 16, 4, 4)]


@pytest.mark.parametrize(
    ("arguments", "named", "message"),
    [
        ((0,), {}, r"missing is \['offset'\]"),
        ((0, 1, 1), {}, "given were 3 by position"),
        ((0, 1), {"offset": 1}, r"and \['offset'\]"),
        ((0,), {"scale": 1}, r"and \['scale'\]"),
        ((1, 1), {}, r"Input 'image' is float32\[1, 16, 1, 1\]; .* float32\[2, 3, 8, 8\]"),
    ],
)
def test_inputs_that_do_not_fit(arguments, named, message) -> None:
    inputs = small_inputs()
    with pytest.raises(tvm_snn.ModelError, match=message):
        small_network()(
            *(inputs[n] for n in arguments), **{name: inputs[n] for name, n in named.items()}
        )


@pytest.mark.parametrize(
    "value",
    [
        torch.zeros(2, 3, 8, 8, device="meta"),
        torch.zeros(2, 3, 8, 8).bfloat16(),
        torch.zeros(2, 3, 8, 8).to_sparse(),
        [[1.0], [2.0, 3.0]],
    ],
)
def test_what_is_no_array_is_an_error_that_names_the_input(value) -> None:
    with pytest.raises(tvm_snn.ModelError, match="'image' cannot be read as an array"):
        small_network()(value, small_inputs()[1])


def test_an_input_may_be_a_scalar() -> None:
    network = tvm_snn.compile(
        module([tensor("x")], lambda builder, x: builder.emit(relax.op.add(x, x)))
    )
    assert network(np.float32(3)) == 6
    assert network(torch.tensor(3.0)) == 6


def test_another_dtype_is_an_error_that_names_it() -> None:
    image, offset = small_inputs()
    with pytest.raises(tvm_snn.ModelError, match="Input 'image' is float64"):
        small_network()(image.astype(np.float64), offset)
