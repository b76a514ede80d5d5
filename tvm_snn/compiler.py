"""The main path: from a model to a compiled network.

import    PyTorch or ONNX to Relax, constants folded on the way   frontend
clean     residue of training removed                             relay_passes.clean
detect    each layer judged: sub-bit, binary or dense             relay_passes.detect_layers
rewrite   binary layers become operators of their own             relay_passes.rewrite_layers
lay out   narrow ones of one image merged, images channels-last,
          signs between layers packed                             relay_passes.lay_out
divide    layers given to an accelerator, if the target has one   offload
plan      which layers take a few images of the batch at a time   relay_passes.slice_batch
          a strategy chosen for each binary layer                 relay_passes.choose_strategies
lower     fused, scheduled, compiled, linked                      relay_passes.lower, link
verify    the result compared with the reference interpreter      verification
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tvm
from tvm import relax

from .artifact import Artifact, TensorSpec
from .compiled_network import CompiledNetwork
from .errors import SnnError, TargetError, UnsupportedOperatorError
from .frontend import import_model, output_names
from .link import Library, link
from .machine import Requirements, this_machine
from .network import Network
from .offload import Offload, trunk_samples, with_places, with_regions
from .ops import static_shape
from .progress import phase
from .relay_passes.choose_strategies import choose_strategies, set_strategies
from .relay_passes.clean import clean
from .relay_passes.detect_layers import Layer, detect_layers
from .relay_passes.lay_out import lay_out
from .relay_passes.lift_weights import lift_weights
from .relay_passes.lower import Lowered, lower
from .relay_passes.merge_branches import (
    choices_of_layers,
    kernels_of_layers,
    merged_layers,
)
from .relay_passes.name_bindings import name_bindings
from .relay_passes.rewrite_layers import rewrite_layers
from .relay_passes.slice_batch import plan_slices
from .relay_passes.trace_kernels import Kernel
from .report import Report, make_report
from .schedules import dot_products
from .schedules.records import Records, load_records
from .seeded_inputs import seeded_inputs
from .target import Features, TargetLike, features_of, parse_target, split_accelerator
from .target.vta.codegen.tuned import holds_tilings, load_tilings
from .verification import Verification, verify_network

FIXED16, FLOAT32 = TRUNKS = ("fixed16", "float32")
"""How residual trunks are computed beside an accelerator."""


@dataclass(frozen=True)
class Detected:
    """A network whose layers were detected: the state between the model and its target."""

    module: tvm.IRModule
    layers: tuple[Layer, ...]

    @property
    def inputs(self) -> tuple[TensorSpec, ...]:
        """What the network takes."""
        return _input_specs(self.module["main"].params)


def compile(
    model: Any,
    target: TargetLike = "host",
    *,
    example_inputs: Sequence[Any] | None = None,
    records: str | Path | None = None,
    verify: bool | None = None,
    trunk: str = FIXED16,
) -> CompiledNetwork:
    """Compile a model for a target.

    `model` is a torch.nn.Module (with `example_inputs`, whose shapes the network will have), a
    torch.export.ExportedProgram, the path of a `.pt2` or `.onnx` file, an ONNX ModelProto, or a
    Relax IRModule. `target` is "host", a board such as "raspberry-pi-4", "llvm -mcpu=cortex-a72",
    a dictionary, tag or Target. One with an accelerator ("pynq-z2", or any with the option
    `-accelerator=pynq-z2`) gives it all layers whose sums it can compute exactly; the report says
    of each where it is computed and why. "host -accelerator=pynq-z2" runs here, the accelerator
    simulated. Beside an accelerator, `trunk` says how what follows these layers in a residual
    network is computed: "fixed16" by the accelerator in 16-bit fixed point, which is a
    quantisation (the report states its steps, which are chosen by running the network on
    `example_inputs`, or else on seeded inputs), "float32" by the processor.
    `records` is a file of tuning records (see :func:`tvm_snn.tune`) to use before those that ship
    with this package, or one of the accelerator's tilings. `verify` compares the compiled network
    with the reference interpreter on a seeded input; by default it does where this machine can run
    the network. The result is a Network then; one for another machine can be saved, but not called.

    Raises ModelError for a model that cannot be read, UnsupportedOperatorError for an operator
    that is not known, TargetError for a target or another `trunk`, RecordsError for tuning records
    that are malformed or for other targets, VerificationError when the result is wrong.
    """
    if trunk not in TRUNKS:
        raise TargetError(f"There is no trunk {trunk!r}: give one of {', '.join(TRUNKS)}.")
    processor, hardware = split_accelerator(target)
    parsed = parse_target(processor)
    features = features_of(parsed)
    misfit = Requirements.of(parsed).misfit(this_machine())
    if verify and misfit is not None:
        raise TargetError(
            f"The network cannot be verified here. {misfit} Or leave `verify` out, and verify it "
            'on a board: tvm_snn.verify(tvm_snn.connect("host:port").load(network)).'
        )
    tilings = None
    if records is not None and holds_tilings(records):
        tilings, records = load_tilings(records, hardware), None
    measured = load_records(records, features, str(parsed))
    detected = detect(model, example_inputs)
    offload = None
    if hardware is not None:
        samples = trunk_samples(detected.inputs, example_inputs) if trunk == FIXED16 else None
        offload = Offload(hardware, tilings, samples)
    artifact = build(detected, parsed, measured, offload)
    if misfit is not None:
        return CompiledNetwork(artifact)
    network = Network(artifact)
    if verify or verify is None:
        verify_network(network, seeded_inputs(network.inputs))
    return network


def inspect(model: Any, example_inputs: Sequence[Any] | None = None) -> Report:
    """Return what each conv and dense layer of a model would be matched as, and why.

    `model` and `example_inputs` are those of :func:`compile`. Nothing is compiled.
    """
    return make_report(detect(model, example_inputs).layers)


def verify(model: Any, inputs: Any = None, *, target: TargetLike = "host") -> Verification:
    """Compare a network with the reference interpreter, kernel by kernel.

    `model` is a compiled network, here or on a board (see :func:`connect`), or whatever
    :func:`compile` takes, which is then compiled for `target` first. `inputs` are the
    network's inputs, as a sequence, a mapping by name, or the one array there is; by default seeded
    random ones. Raises VerificationError where the two disagree,
    naming the tensor and the worst element.
    """
    if isinstance(model, CompiledNetwork):
        network = model
    else:
        network = compile(model, target, example_inputs=inputs, verify=False)
    if inputs is None:
        return verify_network(network, seeded_inputs(network.inputs))
    if isinstance(inputs, Mapping):
        return verify_network(network, network.check_inputs((), dict(inputs)))
    return verify_network(network, inputs if isinstance(inputs, Sequence) else [inputs])


def detect(model: Any, example_inputs: Sequence[Any] | None = None) -> Detected:
    """Import and clean a model and detect its layers."""
    with phase("importing the model"):
        module = import_model(model, example_inputs)
    with phase("detecting binary layers"):
        module = clean(module)
        return Detected(module, tuple(detect_layers(module)))


def rewrite(detected: Detected, features: Features) -> tvm.IRModule:
    """Make operators of the binary layers that were detected, and lay out the data between them.

    Levels stay what they are where the target multiplies them faster than it counts their bits.
    What is to be computed for slices of the batch is planned; no layer names a strategy yet.
    """
    split = not dot_products.beats_counting(features)
    module = lay_out(rewrite_layers(detected.layers)(detected.module), split_levels=split)
    named = name_bindings(frozenset(layer.name for layer in detected.layers))(module)
    return plan_slices(named)


def build(
    detected: Detected,
    target: tvm.target.Target,
    records: Records | None = None,
    offload: Offload | None = None,
    *,
    executable: bool = True,
) -> Artifact:
    """Rewrite, plan and lower a network whose layers were detected.

    `offload` says what an accelerator beside the target computes, if there is one. Without
    `executable` there is no machine code for TVM's run-time library, which a C library has no use
    for.
    """
    features = features_of(target)
    if offload is None:
        module, parts = rewrite(detected, features), None
    else:
        module, parts = offload.divide(detected.module, detected.layers)
    choices = choose_strategies(module, features, records)
    merged = merged_layers(module, {layer.name for layer in detected.layers})
    lifted = lift_weights(set_strategies(choices)(module))
    called, programs = lifted.module, None
    if offload is not None and parts is not None:
        called, programs = offload.outline(lifted, parts)
    kernels: tuple[Kernel, ...] = ()
    library = Library(b"", "")
    if executable:
        with phase("compiling kernels"):
            lowered = _lower(called, target)
            library = link(lowered.executable, target)
            kernels = kernels_of_layers(lowered.kernels, merged)
    placed = choices_of_layers(choices, merged)
    if parts is not None:
        placed = with_places(placed, detected.layers, parts)
    main = lifted.module["main"]
    return Artifact(
        target=str(target),
        requirements=Requirements.of(target, library.glibc),
        inputs=_input_specs(main.params[: len(main.params) - len(lifted.weights)]),
        outputs=_output_specs(main),
        report=make_report(detected.layers, placed),
        kernels=kernels if programs is None else with_regions(kernels, programs),
        library=library.data,
        network=tvm.ir.save_json(lifted.module),
        weights=lifted.weights,
        accelerator=programs,
    )


def _lower(module: tvm.IRModule, target: tvm.target.Target) -> Lowered:
    try:
        return lower(module, target)
    except SnnError:
        raise
    except Exception as error:
        # Whatever TVM raises where it has no code for an operator, be it of its type or Python's.
        raise UnsupportedOperatorError(
            f"TVM cannot compile an operator of this network for {target}: {error}"
        ) from error


def _input_specs(params: Sequence[relax.Var]) -> tuple[TensorSpec, ...]:
    return tuple(_spec(str(param.name), param.ty) for param in params)


def _output_specs(main: relax.Function) -> tuple[TensorSpec, ...]:
    types = main.ret_ty.fields if isinstance(main.ret_ty, relax.TupleType) else [main.ret_ty]
    names = output_names(main, len(types))
    return tuple(_spec(name, ty) for name, ty in zip(names, types, strict=True))


def _spec(name: str, ty: relax.TensorType) -> TensorSpec:
    return TensorSpec(name, static_shape(ty) or (), str(ty.dtype))
