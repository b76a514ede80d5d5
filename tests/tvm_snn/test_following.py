import numpy as np
import pytest
from tvm import relax

import tvm_snn
from tests.building import module, named, sub_bit_weight, tensor

SHAPE = (1, 16, 4, 4)
PLACE = (0, 5, 2, 1)


@pytest.fixture(scope="module")
def network() -> tvm_snn.Network:
    """Two layers of signs: those of the input, and those of the first layer's sums."""

    def body(builder, image):
        x = image
        for layer in range(2):
            signs = builder.emit(relax.op.sign(x))
            weight = relax.const(sub_bit_weight(16, 16, size=16, seed=layer))
            conv = relax.op.nn.conv2d(signs, weight, padding=(1, 1))
            # Sums are never near zero here: they are whole numbers.
            x = builder.emit(relax.op.add(named(builder, f"layer{layer}", conv), relax.const(0.5)))
        return x

    return tvm_snn.compile(module([tensor("image", *SHAPE)], body))


def _image(at_place: float) -> np.ndarray:
    image = np.random.default_rng(0).normal(size=SHAPE).astype(np.float32)
    image[PLACE] = at_place
    return image


def _signs(image: np.ndarray) -> list[np.ndarray]:
    """The signs of both layers, as another engine has them for an image without ties."""
    first = np.sign(image)
    padded = np.pad(first, ((0, 0), (0, 0), (1, 1), (1, 1)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(2, 3))
    weight = sub_bit_weight(16, 16, size=16, seed=0)
    return [first, np.sign(np.einsum("ncyxij,ocij->noyx", windows, weight) + 0.5)]


def test_signs_as_the_network_has_them_change_nothing(network) -> None:
    image = _image(1.0)
    followed = tvm_snn.follow(network, (image,), _signs(image))
    assert followed.ties == 0
    np.testing.assert_array_equal(followed.outputs[0], network(image))


@pytest.mark.parametrize("almost_zero", [0.0, 1e-7, -1e-7])
@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_ties_are_decided_as_the_other_engine_did(network, almost_zero, sign) -> None:
    decided = _image(sign)
    followed = tvm_snn.follow(network, (_image(almost_zero),), _signs(decided))
    assert followed.ties == (np.sign(almost_zero) != sign)
    np.testing.assert_array_equal(followed.outputs[0], network(decided))


def test_what_is_no_tie_is_an_error(network) -> None:
    image = _image(1.0)
    signs = _signs(image)
    signs[0][PLACE] = -1
    with pytest.raises(
        tvm_snn.VerificationError, match=r"1 signs of '.*' differ and are no ties, the worst at"
    ):
        tvm_snn.follow(network, (image,), signs)


def test_signs_that_do_not_fit_are_errors(network) -> None:
    image = _image(1.0)
    signs = _signs(image)
    with pytest.raises(tvm_snn.VerificationError, match="takes 2 tensors of signs, 1 were given"):
        tvm_snn.follow(network, (image,), signs[:1])
    with pytest.raises(tvm_snn.VerificationError, match=r"have shape \(1, 4, 4, 16\)"):
        tvm_snn.follow(network, (image,), [signs[0], signs[1][:, :8]])
