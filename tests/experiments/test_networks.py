"""The networks that methods are compared on."""

import pytest
import torch
from cases import cases, methods
from networks import small_resnet, small_vgg

from tvm_snn.nn import BinarizedLayer, BinaryActivation, SubBitLayer, UniformActivation
from tvm_snn.nn.subsets import RefinedSubset


@pytest.mark.parametrize("network", [small_resnet, small_vgg])
def test_all_methods_start_from_the_same_weights_and_drawn_subsets(network):
    start = {name: p.clone() for name, p in network(tau=None, seed=3).named_parameters()}
    drawn = {}
    for method in methods((4,)):
        if method.size == "tau 4":
            model = network(seed=3, **dict(method.options))
            parameters = dict(model.named_parameters())
            assert all(torch.equal(value, parameters[name]) for name, value in start.items())
            layers = [layer for layer in model.modules() if isinstance(layer, SubBitLayer)]
            drawn[method.name] = [layer.subset for layer in layers]
    drawn.pop("uniform")
    # It has half of them and their negatives.
    drawn.pop("negation-closed")
    assert len(drawn) == 5
    for subsets in drawn.values():
        for subset, expected in zip(subsets, drawn["vanilla"], strict=True):
            assert torch.equal(subset, expected)


def test_seeds_differ():
    first, second = (small_resnet(seed=seed).state_dict() for seed in (0, 1))
    assert not torch.equal(first["units.0.conv.weight"], second["units.0.conv.weight"])
    assert not torch.equal(first["classifier.weight"], second["classifier.weight"])
    assert not torch.equal(
        first["units.0.conv.policy.subset"], second["units.0.conv.policy.subset"]
    )


@pytest.mark.parametrize(("network", "layers"), [(small_resnet, 6), (small_vgg, 5)])
@pytest.mark.parametrize(("activations", "bits"), [("W1A1", 1), ("W1A2", 2), ("W1A32", None)])
def test_activations_may_have_more_bits(network, layers, activations, bits):
    model = network(activations=activations, width=8)
    assert model(torch.randn(2, 1, 28, 28)).shape == (2, 10)
    assert sum(isinstance(module, BinarizedLayer) for module in model.modules()) == layers
    found = [module.bits for module in model.modules() if isinstance(module, UniformActivation)]
    assert found == ([bits] * layers if bits == 2 else [])
    signs = [module for module in model.modules() if isinstance(module, BinaryActivation)]
    assert len(signs) == (layers if bits == 1 else 0)


@pytest.mark.parametrize(("network", "careful"), [("small", False), ("small-vgg", True)])
def test_learned_subsets_are_careful_where_there_are_no_shortcuts(network, careful):
    learned = 0
    for case in cases((network,), ("W1A1",), (3,), 1):
        for layer in case.build().modules():
            if isinstance(layer, SubBitLayer) and isinstance(layer.policy, RefinedSubset):
                assert (layer.policy.centred, layer.policy.agreed) == (careful, careful)
                learned += 1
    assert learned == 5 * (5 if network == "small-vgg" else 6)


@pytest.mark.parametrize(("network", "latent"), [("small", 0.1), ("small-vgg", 0.03)])
def test_float_weights_start_as_large_as_usual(network, latent):
    spread = {}
    for case in cases((network,), ("W1A1",), (3,), 1, ("float", "bnn")):
        largest = max(case.build().parameters(), key=torch.Tensor.numel)
        spread[case.method.name] = largest.detach().std().item()
        assert ("latent" in case.sizes) == (case.method.name == "bnn")
    assert spread["bnn"] == pytest.approx(latent * spread["float"])
