"""The artifact: one file with everything that a compiled network is.

A zip archive with
    manifest.json   format and versions, target, what the machine must have (architecture,
                    instructions, C library), inputs and outputs, layers, kernels, weights, and
                    the SHA-256 of every other member
    library.so      the machine code
    network.json    the network in Relax, without its weights, for verification
    weights/NAME    each weight, packed at as many bits as its elements carry
    accelerator/N.instructions, accelerator/N.memory
                    for a target with an accelerator: the program of its Nth region and the memory
                    that it begins with, packed weights in place
and, as the archive's comment, the SHA-256 of the manifest. Nothing in it is ever unpickled.
Members carry a fixed date, so equal networks give equal files.
"""

import hashlib
import json
import math
import os
import struct
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import tvm

from .accelerator_programs import AcceleratorPrograms, RegionProgram
from .errors import ArtifactError, TargetError
from .files import replacing
from .machine import Requirements
from .relay_passes.trace_kernels import Kernel
from .report import LayerRow, Report
from .target.vta.codegen.ports import Port
from .target.vta.configuration import Configuration
from .version import __version__
from .weights import Weight, pack, unpack

FORMAT = 4
"""Raised whenever an older reader would misread the file."""

_MANIFEST = "manifest.json"
_LIBRARY = "library.so"
_NETWORK = "network.json"
_WEIGHTS = "weights/"
_INSTRUCTIONS, _MEMORY = "accelerator/{}.instructions", "accelerator/{}.memory"
_DATE = (1980, 1, 1, 0, 0, 0)

_Record = TypeVar("_Record")


@dataclass(frozen=True)
class TensorSpec:
    """Name, shape and dtype of an input or output of a network."""

    name: str
    shape: tuple[int, ...]
    dtype: str

    @property
    def nbytes(self) -> int:
        """Size of the tensor in C order."""
        return math.prod(self.shape) * np.dtype(self.dtype).itemsize

    def __str__(self) -> str:
        """Return the spec as people write it."""
        return f"{self.name}: {self.dtype}{list(self.shape)}"


@dataclass(frozen=True)
class Artifact:
    """A compiled network, ready to be loaded or saved."""

    target: str
    """The target as TVM's JSON."""
    requirements: Requirements
    """What the machine code asks of the machine that loads it."""
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    report: Report
    kernels: tuple[Kernel, ...]
    library: bytes
    network: str
    """The network as TVM's JSON, its weights being parameters of `main`."""
    weights: tuple[Weight, ...]
    accelerator: AcceleratorPrograms | None = None
    """What an accelerator computes, for a target that has one."""

    @property
    def processor_weights(self) -> tuple[Weight, ...]:
        """The weights that the library's `main` takes: not those of layers on an accelerator."""
        if self.accelerator is None:
            return self.weights
        return tuple(w for w in self.weights if w.name not in self.accelerator.weights)

    @property
    def weight_bytes(self) -> int:
        """Size of all packed weights."""
        return sum(weight.stored_bytes for weight in self.weights)


def write_artifact(artifact: Artifact, path: str | os.PathLike[str]) -> None:
    """Write an artifact to a file: first beside it, then renamed, so that nothing is lost."""
    members = {_LIBRARY: artifact.library, _NETWORK: artifact.network.encode()}
    for weight in artifact.weights:
        members[_WEIGHTS + weight.name] = pack(weight)
    for number, region in enumerate(artifact.accelerator.regions if artifact.accelerator else ()):
        members[_INSTRUCTIONS.format(number)] = region.instructions
        members[_MEMORY.format(number)] = region.memory
    hashes = {name: _hash(data) for name, data in members.items()}
    manifest = json.dumps(_manifest(artifact, hashes), indent=1).encode()
    path = Path(path)
    try:
        with replacing(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
            for name, data in {_MANIFEST: manifest, **members}.items():
                info = zipfile.ZipInfo(name, _DATE)
                packed = name.startswith(_WEIGHTS)
                info.compress_type = zipfile.ZIP_STORED if packed else zipfile.ZIP_DEFLATED
                archive.writestr(info, data)
            archive.comment = _hash(manifest).encode()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ArtifactError(f"Cannot write {path}: {reason}.") from error


def read_artifact(path: str | os.PathLike[str]) -> Artifact:
    """Read an artifact and check it against its manifest.

    Raises ArtifactError when the file is missing, no artifact, truncated, changed in any byte, or
    of another format or TVM version.
    """
    path = Path(path)
    if not os.path.isfile(path):
        raise ArtifactError(f"There is no artifact at {path}.")
    try:
        with zipfile.ZipFile(path) as archive:
            text = archive.read(_MANIFEST)
            manifest = json.loads(text)
            _check_versions(manifest, path)
            _check_hash(_MANIFEST, text, archive.comment.decode("latin-1"), path)
            members = {name: archive.read(name) for name in manifest["sha256"]}
    except _UNREADABLE as error:
        raise ArtifactError(
            f"{path} is not a readable artifact ({error}). It is damaged or was not written by "
            "tvm_snn: compile the network anew."
        ) from error
    for name, data in members.items():
        _check_hash(name, data, manifest["sha256"][name], path)
    try:
        return _artifact(manifest, members)
    except (AttributeError, KeyError, TypeError, ValueError, TargetError) as error:
        raise ArtifactError(
            f"The manifest of {path} is malformed ({type(error).__name__}: {error}). "
            "Compile the network anew."
        ) from error


# What the standard library raises, one way or another, over bytes that are no zip archive.
_UNREADABLE = (
    OSError,
    EOFError,
    KeyError,
    TypeError,
    ValueError,
    RuntimeError,
    NotImplementedError,
    struct.error,
    zlib.error,
    zipfile.BadZipFile,
)


def _manifest(artifact: Artifact, hashes: Mapping[str, str]) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "tvm_snn": __version__,
        "tvm": tvm.__version__,
        "target": json.loads(artifact.target),
        "requirements": asdict(artifact.requirements),
        "inputs": [asdict(spec) for spec in artifact.inputs],
        "outputs": [asdict(spec) for spec in artifact.outputs],
        "layers": [asdict(row) for row in artifact.report.rows],
        "kernels": [asdict(kernel) for kernel in artifact.kernels],
        "weights": [
            {
                "name": weight.name,
                "shape": list(weight.array.shape),
                "dtype": str(weight.array.dtype),
                "bits": weight.bits,
                "signs": weight.signs,
                "bound": weight.bound,
            }
            for weight in artifact.weights
        ],
        "accelerator": _accelerator_manifest(artifact.accelerator),
        "sha256": dict(hashes),
    }


def _check_versions(manifest: Any, path: Path) -> None:
    if not isinstance(manifest, dict) or "format" not in manifest:
        raise ArtifactError(f"{path} has no artifact's manifest. Compile the network anew.")
    if manifest["format"] != FORMAT:
        raise ArtifactError(
            f"{path} has artifact format {manifest['format']}, this version reads {FORMAT}. "
            "Compile the network anew with the tvm_snn that is installed here."
        )
    if manifest["tvm"] != tvm.__version__:
        raise ArtifactError(
            f"{path} was compiled with TVM {manifest['tvm']}, installed is {tvm.__version__}. "
            f"Install apache-tvm=={manifest['tvm']} or compile the network anew."
        )


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _check_hash(name: str, data: bytes, expected: str, path: Path) -> None:
    if _hash(data) != expected:
        raise ArtifactError(
            f"{name} in {path} is not what was written: the hashes differ. The artifact is "
            "damaged: compile the network anew."
        )


def _artifact(manifest: dict[str, Any], members: Mapping[str, bytes]) -> Artifact:
    weights = []
    for spec in manifest["weights"]:
        data = members[_WEIGHTS + spec["name"]]
        weights.append(unpack(data, **{**spec, "shape": tuple(spec["shape"])}))
    return Artifact(
        target=json.dumps(manifest["target"]),
        requirements=_records(Requirements, [manifest["requirements"]])[0],
        inputs=_records(TensorSpec, manifest["inputs"]),
        outputs=_records(TensorSpec, manifest["outputs"]),
        report=Report(_records(LayerRow, manifest["layers"])),
        kernels=_records(Kernel, manifest["kernels"]),
        library=members[_LIBRARY],
        network=members[_NETWORK].decode(),
        weights=tuple(weights),
        accelerator=_accelerator(manifest["accelerator"], members),
    )


def _accelerator_manifest(programs: AcceleratorPrograms | None) -> dict[str, Any] | None:
    if programs is None:
        return None
    regions = [
        {
            "layers": list(region.layers),
            "inputs": [asdict(port) for port in region.inputs],
            "results": [asdict(port) for port in region.results],
            "tensors": list(region.tensors),
            "memory_bytes": region.memory_bytes,
        }
        for region in programs.regions
    ]
    return {
        "configuration": asdict(programs.hardware),
        "weights": list(programs.weights),
        "regions": regions,
    }


def _accelerator(
    manifest: dict[str, Any] | None, members: Mapping[str, bytes]
) -> AcceleratorPrograms | None:
    if manifest is None:
        return None
    hardware = Configuration(**manifest["configuration"])
    regions = []
    for number, given in enumerate(manifest["regions"]):
        region = RegionProgram(
            layers=tuple(given["layers"]),
            inputs=_records(Port, given["inputs"]),
            results=_records(Port, given["results"]),
            tensors=tuple(given["tensors"]),
            instructions=members[_INSTRUCTIONS.format(number)],
            memory=members[_MEMORY.format(number)],
            memory_bytes=int(given["memory_bytes"]),
        )
        region.check(hardware)
        regions.append(region)
    return AcceleratorPrograms(hardware, tuple(regions), tuple(manifest["weights"]))


def _records(kind: type[_Record], items: list[dict[str, Any]]) -> tuple[_Record, ...]:
    names = {field.name for field in fields(kind)}  # type: ignore[arg-type]
    return tuple(
        kind(
            **{
                key: tuple(value) if isinstance(value, list) else value
                for key, value in item.items()
                if key in names
            }
        )
        for item in items
    )
