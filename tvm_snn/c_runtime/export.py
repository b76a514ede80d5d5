"""From an artifact to a C library: a shared library, a static archive and a header.

lower      the artifact's network once more to kernels               relay_passes.lower
compile    the kernels as plain C functions                          bare_kernels
read       the order of the kernels, on tensors as bytes             program
lay out    a place in memory for every tensor                        layout, memory_plan
write      the calls as C, under the handwritten api.c and api.h     write_plan, processor
build      C, machine code and weights into both libraries           build
"""

import json
import os
import re
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import tvm
from tvm.target import Target

from ..artifact import Artifact, TensorSpec
from ..errors import ArtifactError, SnnError, UnsupportedOperatorError
from ..files import replacing
from ..progress import phase
from ..relay_passes.lower import TRANSFORM_WEIGHTS, lower_to_kernels
from ..version import __version__
from .bare_kernels import ALIGNMENT, compile_kernels
from .build import Libraries, build_libraries, stored_source
from .c_text import renamed
from .layout import lay_out
from .processor import processor_check
from .program import read_program
from .write_plan import KERNEL, write_plan

_EXPORTS = """{
    global: snn_create; snn_destroy; snn_run; snn_last_error; snn_status_text; snn_input_count;
        snn_output_count; snn_input_info; snn_output_info;
    local: *;
};
"""
PREFIX = "snn"
"""What the names of the C functions start with, unless told otherwise."""

_STORED = "snn_stored"
_IDENTIFIER = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


@dataclass(frozen=True)
class CLibrary:
    """The files of a network in C."""

    shared: Path
    static: Path
    header: Path

    @property
    def files(self) -> tuple[Path, ...]:
        """All of them."""
        return self.shared, self.static, self.header


def export_c(
    artifact: Artifact,
    path: str | os.PathLike[str],
    prefix: str = PREFIX,
    check: Callable[[Path], None] | None = None,
) -> CLibrary:
    """Write a network as a C library, for the target that it was compiled for.

    `path` is the shared library, for example `net.so`; beside it `net.a` and `net.h` are written.
    The names of all functions start with `prefix`, so that a program can link several networks.
    `check` is given the shared library before anything is written, and may raise.

    Raises SnnError when `prefix` is no C identifier, UnsupportedOperatorError when the network
    needs a function of TVM's runtime or an accelerator, TargetError when no compiler for the target
    is found or it fails, ArtifactError when a file cannot be written.
    """
    paths = check_names(path, prefix)
    if artifact.accelerator is not None:
        raise UnsupportedOperatorError(
            f"The network computes {len(artifact.accelerator.regions)} regions on the accelerator "
            f"{artifact.accelerator.hardware.name!r}, which C libraries do not call yet. Compile "
            'it for the processor alone, for example with target="llvm -mcpu=cortex-a9", or run '
            "it with tvm_snn.load."
        )
    with phase("making the C library"), tempfile.TemporaryDirectory() as folder:
        header = _header(artifact, prefix, paths.shared.name)
        libraries = _build(artifact, prefix, header, paths.shared.name, Path(folder))
        if check is not None:
            built = Path(folder) / "built.so"
            built.write_bytes(libraries.shared)
            check(built)
    contents = {
        paths.shared: libraries.shared,
        paths.static: libraries.static,
        paths.header: header.encode(),
    }
    for file, data in contents.items():
        _write(file, data)
    return paths


def check_names(path: str | os.PathLike[str], prefix: str) -> CLibrary:
    """Return the files that :func:`export_c` would write; raises SnnError for names it refuses."""
    if not _IDENTIFIER.fullmatch(prefix):
        raise SnnError(
            f"The prefix {prefix!r} cannot start the name of a C function: write a letter, then "
            "letters, digits and underscores."
        )
    shared = Path(path)
    if not shared.name or shared.suffix in (".a", ".h"):
        raise SnnError(
            f"The C library {str(path)!r} is not named like one: an archive (.a) and a header (.h) "
            "are written beside it. Give a name such as net.so."
        )
    if not shared.parent.is_dir():
        raise ArtifactError(f"Cannot write {shared}: there is no folder {shared.parent}.")
    return CLibrary(shared, shared.with_suffix(".a"), shared.with_suffix(".h"))


def _build(artifact: Artifact, prefix: str, header: str, soname: str, folder: Path) -> Libraries:
    target = Target(json.loads(artifact.target))
    lowered = lower_to_kernels(tvm.ir.load_json(artifact.network), target)
    prepare, run = read_program(lowered[TRANSFORM_WEIGHTS]), read_program(lowered["main"])
    called = {call.kernel for call in (*prepare.calls, *run.calls)}
    kernels = {name: lowered[name] for name in sorted(called)}
    bare = compile_kernels(kernels, target, renamed(KERNEL, prefix))
    layout = lay_out(prepare, run, artifact.weights, bare.scratch_bytes)
    wants = artifact.requirements
    plan = write_plan(
        layout,
        artifact.inputs,
        artifact.outputs,
        processor_check(wants.architecture, wants.extensions),
    )
    stored = stored_source(renamed(_STORED, prefix), "stored.bin", ALIGNMENT)
    texts = {
        "network.h": header,
        "plan.h": renamed(plan, prefix),
        "unpack.h": renamed(_template("unpack.h"), prefix),
        "api.c": renamed(_template("api.c"), prefix),
        "stored.S": stored,
        "exports.map": renamed(_EXPORTS, prefix),
    }
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    (folder / "stored.bin").write_bytes(layout.stored)
    objects = {"kernels.o": bare.object_file}
    return build_libraries(folder, ["api.c", "stored.S"], objects, target, soname)


def _header(artifact: Artifact, prefix: str, library: str) -> str:
    """Return the header: what this network is, then what is the same for all."""
    lines = [
        f"{library}: a network compiled by tvm_snn {__version__} for {artifact.requirements}.",
        *_described("Inputs", artifact.inputs),
        *_described("Outputs", artifact.outputs),
    ]
    about = "\n".join(f" * {line}".rstrip() for line in lines).replace("*/", "* /")
    return f"/*\n{about}\n */\n" + renamed(_template("api.h"), prefix)


def _described(title: str, specs: tuple[TensorSpec, ...]) -> list[str]:
    return ["", f"{title}, in order:", *(f"    {spec}, {spec.nbytes} bytes" for spec in specs)]


def _template(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


def _write(path: Path, data: bytes) -> None:
    try:
        with replacing(path) as temporary:
            Path(temporary).write_bytes(data)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ArtifactError(f"Cannot write {path}: {reason}.") from error
