"""The generated part of the library's C: its tensors, its memory, and the calls in order."""

from collections.abc import Iterable, Iterator, Sequence

from ..artifact import TensorSpec
from .bare_kernels import ALIGNMENT
from .c_text import quoted
from .layout import Copy, Layout, Place, Step, Unpack
from .program import Call

KERNEL = "snn_kernel_"
"""What the symbols of kernels start with."""


def write_plan(
    layout: Layout,
    inputs: Sequence[TensorSpec],
    outputs: Sequence[TensorSpec],
    processor: str,
) -> str:
    """Return `plan.h`, which `api.c` includes.

    `processor` is the C of `snn_processor_fits()` and SNN_EXTENSIONS_TEXT.
    """
    memory = layout.prepared_bytes + layout.workspace_bytes
    parts = [
        "/* One network: what api.c does not know of it. */",
        '#include "unpack.h"',
        f"#define SNN_ALIGNMENT {ALIGNMENT}\n"
        f"#define SNN_PREPARED {layout.prepared_bytes}\n"
        f"#define SNN_WORKSPACE {layout.workspace_bytes}\n"
        f'#define SNN_MEMORY_TEXT "{memory:,}"',
        processor,
        _tensors("inputs", inputs),
        _tensors("outputs", outputs),
        "/* Hidden: nobody but this library sees them. */",
        "#pragma GCC visibility push(hidden)",
        "extern const unsigned char snn_stored[];",
        "\n".join(sorted({_declaration(step) for step in layout.run + layout.prepare})),
        "#pragma GCC visibility pop",
        _function(
            "int snn_prepare(unsigned char *prepared, unsigned char *workspace)",
            [*_statements(layout, layout.prepare), "return SNN_OK;"],
        ),
        _function(
            "void snn_compute(const snn_input *inputs, const snn_output *outputs,\n"
            "                        unsigned char *prepared, unsigned char *workspace)",
            [*_statements(layout, layout.run), *_results(layout)],
        ),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _tensors(kind: str, specs: Sequence[TensorSpec]) -> str:
    shapes, rows = [], []
    for index, spec in enumerate(specs):
        extents = ", ".join(map(str, spec.shape)) or "0"
        shapes.append(f"static const int64_t snn_{kind}_shape{index}[] = {{{extents}}};")
        rows.append(
            f"    {{{quoted(spec.name)}, {quoted(spec.dtype)}, snn_{kind}_shape{index}, "
            f"{len(spec.shape)}, {spec.nbytes}}},"
        )
    return "\n".join([*shapes, f"static const snn_tensor snn_{kind}[] = {{", *rows, "};"])


def _declaration(step: Step) -> str:
    if not isinstance(step, Call):
        return ""
    parameters = ", ".join(["const void *"] * len(step.reads) + ["void *"] * (len(step.writes) + 1))
    return f"void {KERNEL}{step.kernel}({parameters});"


def _function(signature: str, body: Iterable[str]) -> str:
    return "\n".join([f"static {signature}", "{", *(f"    {line}" for line in body), "}"])


def _statements(layout: Layout, steps: Iterable[Step]) -> Iterator[str]:
    for step in steps:
        if isinstance(step, Copy):
            to = _address(layout.places[step.result])
            yield f"memcpy({to}, inputs[{step.index}].data, {step.result.nbytes});"
        elif isinstance(step, Unpack):
            yield from _unpack(layout, step)
        else:
            scratch = layout.scratch.get(step)
            arguments = [_address(layout.places[v]) for v in (*step.reads, *step.writes)]
            arguments.append(_address(scratch) if scratch else "NULL")
            yield f"{KERNEL}{step.kernel}({', '.join(arguments)});"


def _unpack(layout: Layout, step: Unpack) -> Iterator[str]:
    weight = step.weight
    bound = 2 if weight.bound is None else weight.bound
    source, to = _address(layout.packed[weight.name]), _address(layout.places[step.result])
    about = f"{weight.array.size}, {weight.bits}, {bound}, {int(weight.signs)}"
    yield f"if (snn_unpack({source}, {about}, {to}) != SNN_OK)"
    yield "    return SNN_DAMAGED;"


def _results(layout: Layout) -> Iterator[str]:
    for index, value in enumerate(layout.outputs):
        yield f"memcpy(outputs[{index}].data, {_address(layout.places[value])}, {value.nbytes});"


def _address(place: Place) -> str:
    block = "snn_stored" if place.block == "stored" else place.block
    return f"{block} + {place.offset}" if place.offset else block
