"""The network of `make demo` and its training."""

import pytest
import torch
from digits_model import TAU, build, load_digits, predict, train, with_fixed_weights

from tvm_snn.nn import BinaryActivation, SubBitConv2d


@pytest.fixture(scope="module")
def data():
    return load_digits(seed=0)


def test_split_is_seeded_and_loses_no_image(data):
    again = load_digits(seed=0)
    assert torch.equal(data.test_images, again.test_images)
    assert not torch.equal(data.test_images, load_digits(seed=1).test_images)
    assert len(data.train_images) + len(data.test_images) == 1797
    assert len(data.test_images) == 360
    assert data.train_images.shape[1:] == (1, 8, 8)
    assert (data.train_images.min(), data.train_images.max()) == (-1, 1)


@pytest.mark.parametrize(("activations", "signs"), [("W1A1", 4), ("W1A32", 0)])
def test_network_has_sub_bit_layers_and_a_strided_one(activations, signs):
    modules = list(build(activations).modules())
    convs = [m for m in modules if isinstance(m, SubBitConv2d)]
    assert [c.stride for c in convs] == [(1, 1), (2, 2), (1, 1), (1, 1)]
    assert all(c.subset.shape[0] == 2**TAU for c in convs)
    assert sum(isinstance(m, BinaryActivation) for m in modules) == signs


def test_a_short_training_learns_repeatably(data):
    models = [build("W1A1", seed=0) for _ in range(2)]
    for model in models:
        train(model, data, epochs=4)
    accuracy = (predict(models[0], data.test_images) == data.test_labels).float().mean()
    assert accuracy > 0.85
    assert not models[0].training
    for first, second in zip(*(m.state_dict().values() for m in models), strict=True):
        assert torch.equal(first, second)


def test_fixed_weights_give_the_same_network(data):
    model = build("W1A1").eval()
    plain = with_fixed_weights(model)
    assert not any(isinstance(m, SubBitConv2d) for m in plain.modules())
    images = data.test_images[:8]
    assert torch.equal(plain(images), model(images))
