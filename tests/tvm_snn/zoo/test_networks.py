"""Layer counts, sizes, shapes and seeding of the zoo's networks."""

from operator import attrgetter

import pytest
import torch
from torch import nn
from torch._inductor.constant_folding import constant_fold

from tvm_snn import zoo
from tvm_snn.errors import ModelError
from tvm_snn.nn import BinaryActivation, BinaryConv2d, SubBitConv2d, UniformActivation
from tvm_snn.nn.binarized_conv2d import BinarizedConv2d

LAYERS = {"resnet18": 16, "resnet34": 32, "resnet20": 18, "vgg_small": 5}
CLASSES = {"resnet18": 1000, "resnet34": 1000, "resnet20": 10, "vgg_small": 10}


def binarized(model):
    return [module for module in model.modules() if isinstance(module, BinarizedConv2d)]


def parameter_bits(conv):
    """Bits of the kernel indices (the subset is not counted), or one bit a weight."""
    if isinstance(conv, SubBitConv2d):
        return conv.index_bits * conv.kernel_indices().numel()
    return conv.weight.numel()


def bit_operations(conv, height, width):
    """Responses to the K kernels, or to each output if fewer; then half an operation an index."""
    inputs, outputs, positions = conv.in_channels, conv.out_channels, height * width
    distinct = conv.subset.shape[0] if isinstance(conv, SubBitConv2d) else outputs
    operations = 9 * inputs * min(distinct, outputs) * positions
    return operations + (inputs * outputs * positions / 2 if distinct < outputs else 0)


def output_sizes(model, name):
    sizes = {}

    def note_size(conv, _, output):
        sizes[conv] = tuple(output.shape[2:])

    for conv in binarized(model):
        conv.register_forward_hook(note_size)
    (x,) = zoo.example_inputs(name)
    model.to("meta")(x.to("meta"))
    return sizes


@pytest.mark.parametrize(
    ("tau", "megabits", "giga_operations"),
    [(None, 10.985, 1.676), (6, 7.324, 0.884), (5, 6.103, 0.501), (4, 4.882, 0.297)],
)
def test_resnet18_has_the_published_size_and_operations(tau, megabits, giga_operations):
    model = zoo.resnet18(tau)
    bits = sum(map(parameter_bits, binarized(model)))
    assert bits / 1e6 == pytest.approx(megabits, abs=1e-3)
    operations = sum(
        bit_operations(c, *size) for c, size in output_sizes(model, "resnet18").items()
    )
    assert operations / 1e9 == pytest.approx(giga_operations, abs=1e-3)


@pytest.mark.parametrize("activations", ["W1A1", "W1A3", "W1A32"])
@pytest.mark.parametrize("name", zoo.ZOO)
def test_layers_and_outputs(name, activations):
    model = zoo.ZOO[name].factory(activations=activations)
    assert not model.training
    convs = binarized(model)
    assert len(convs) == LAYERS[name]
    assert all(isinstance(c, SubBitConv2d) and c.subset.shape[0] == 32 for c in convs)
    kinds = {"W1A1": BinaryActivation, "W1A3": UniformActivation}
    for each, kind in kinds.items():
        found = [m for m in model.modules() if isinstance(m, kind)]
        assert len(found) == (LAYERS[name] if activations == each else 0)
    with torch.no_grad():
        logits = model(*zoo.example_inputs(name, batch_size=2))
    assert logits.shape == (2, CLASSES[name])
    assert logits.isfinite().all()
    assert not torch.equal(logits[0], logits[1])


@pytest.mark.parametrize("name", ["resnet18", "resnet20", "vgg_small"])
def test_signs_go_both_ways_in_every_layer(name):
    model = zoo.ZOO[name].factory()
    shares = []

    def note_share(_module, _inputs, signs):
        shares.append((signs > 0).float().mean().item())

    for module in model.modules():
        if isinstance(module, BinaryActivation):
            module.register_forward_hook(note_share)
    with torch.no_grad():
        model(*zoo.example_inputs(name, seed=5))
    assert len(shares) == LAYERS[name]
    assert all(0.2 < share < 0.8 for share in shares)


def test_one_bit_networks_use_binary_convolutions():
    assert all(isinstance(conv, BinaryConv2d) for conv in binarized(zoo.resnet20(tau=None)))


@pytest.mark.parametrize("name", ["resnet20", "vgg_small"])
def test_the_seed_decides_the_network_and_leaves_the_global_state(name):
    factory = zoo.ZOO[name].factory
    state = torch.get_rng_state()
    first, again, other = factory(seed=1), factory(seed=1), factory(seed=2)
    assert torch.equal(torch.get_rng_state(), state)
    for key, value in first.state_dict().items():
        assert torch.equal(value, again.state_dict()[key]), key
    assert not torch.equal(first.classifier.weight, other.classifier.weight)


@pytest.mark.parametrize("batch_size", [1, 3])
def test_samples_of_a_batch_do_not_depend_on_each_other(batch_size):
    model = zoo.vgg_small().double()
    (x,) = zoo.example_inputs("vgg_small", batch_size)
    with torch.no_grad():
        together = model(x.double())
        alone = torch.cat([model(sample[None].double()) for sample in x])
    torch.testing.assert_close(together, alone)


@pytest.mark.parametrize("tau", [5, None])
def test_an_export_holds_plain_signs_and_foldable_binary_weights(tau):
    model = zoo.resnet20(tau)
    module = torch.export.export(model, zoo.example_inputs("resnet20")).module()
    constant_fold(module)
    targets = [node.target for node in module.graph.nodes]
    assert targets.count(torch.ops.aten.sign.default) == LAYERS["resnet20"]
    nodes = [n for n in module.graph.nodes if n.target is torch.ops.aten.conv2d.default]
    weights = [attrgetter(node.args[1].target)(module) for node in nodes]
    sub_bit = [w for w in weights[1:] if w.shape[2:] == (3, 3)]
    for weight, conv in zip(sub_bit, binarized(model), strict=True):
        assert torch.equal(weight, conv.effective_weight())
        kernels = torch.unique(weight.sign().reshape(-1, 9), dim=0)
        assert len(kernels) <= (2**9 if tau is None else 2**tau)


def test_class_count_is_a_choice():
    model = zoo.resnet20(num_classes=7)
    assert model(*zoo.example_inputs("resnet20")).shape == (1, 7)


def test_first_convolution_and_classifier_stay_float():
    for entry in zoo.ZOO.values():
        modules = list(entry.factory().modules())
        layers = [m for m in modules if isinstance(m, nn.Conv2d | nn.Linear | BinarizedConv2d)]
        assert isinstance(layers[0], nn.Conv2d)
        assert isinstance(layers[-1], nn.Linear)


def test_example_inputs_are_seeded_and_unknown_names_are_told():
    (first,), (again,), (other,) = (zoo.example_inputs("resnet20", 2, s) for s in (0, 0, 1))
    assert first.shape == (2, 3, 32, 32)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    with pytest.raises(ModelError, match=r"'resnet19'.*resnet18"):
        zoo.example_inputs("resnet19")


def test_unknown_activations_are_told():
    with pytest.raises(ModelError, match=r"'W1A9'.*W1A32"):
        zoo.resnet20(activations="W1A9")
