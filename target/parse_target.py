"""Target descriptions as people write them, to the dictionary form that TVM takes.

TVM no longer reads the command-line form (`"llvm -mcpu=cortex-a72"`); this project does, next to
dictionaries, tags, `Target` objects and the alias `"host"`.
"""

import json
import shlex
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from tvm.target import Target
from tvm.target.codegen import (
    llvm_get_cpu_features,
    llvm_get_system_cpu,
    llvm_get_system_triple,
    llvm_is_valid_cpu,
)

from ..errors import TargetError
from .extensions import extensions_of, host_extensions

TargetLike: TypeAlias = "str | Mapping[str, Any] | Target"

_OPTIONS: dict[str, Callable[[str], Any]] = {
    "mcpu": str,
    "mtriple": str,
    "mattr": lambda text: text.split(","),
    "mfloat-abi": str,
    "mabi": str,
    "num-cores": int,
    "opt-level": int,
}
# LLVM ends the process over a triple that starts with anything it does not know.
_ARCHITECTURES = (
    "x86_64",
    "aarch64",
    "arm64",
    "arm",
    "armv6",
    "armv7",
    "armv7a",
    "armv7l",
    "armv8",
    "armv8a",
)
# A processor that the compiling machine's triple lacks is looked for here.
_OTHER_TRIPLES = ("x86_64-linux-gnu", "aarch64-linux-gnu", "armv7-linux-gnueabihf")
_OPTION_SYNONYMS = {"device": "mtriple", "target": "mtriple", "float-abi": "mfloat-abi"}


def parse_target(target: TargetLike) -> Target:
    """Return the TVM target that `target` describes.

    `target` is `"host"`, the command-line form `"llvm -mcpu=haswell -mattr=+avx2"`, a tag such as
    `"raspberry-pi/4b-aarch64"`, a JSON string or dictionary of TVM's options, or a `Target`. A
    missing triple follows from the cpu, that of the compiling machine first; a missing cpu is the
    baseline of the triple, so that nothing is assumed that was not said.

    Raises TargetError when the kind, an option, the triple, the cpu or an attribute of it is not
    known.
    """
    if isinstance(target, Target):
        return _complete(target)
    if isinstance(target, Mapping):
        return _complete(_tvm_target(dict(target)))
    if not isinstance(target, str):
        raise TargetError(
            f"A target is a string, a dictionary or a tvm.target.Target, not {target!r}. "
            'Write for example "host" or "llvm -mcpu=haswell".'
        )
    if target == "host":
        return _complete(_tvm_target(_host_options()))
    if target.lstrip().startswith("{"):
        return _complete(_tvm_target(_parse_json(target)))
    if "/" in target.split(" ")[0]:
        return _complete(_tvm_target(target))
    return _complete(_tvm_target(_parse_command_line_form(target)))


def _host_options() -> dict[str, Any]:
    """Describe this machine: its cpu's name, corrected by what the processor really has.

    A virtual machine may hide extensions that the name implies, or show more.
    """
    options = {
        "kind": "llvm",
        "mtriple": str(llvm_get_system_triple()),
        "mcpu": str(llvm_get_system_cpu()),
    }
    implied, present = extensions_of(_tvm_target(options)), host_extensions()
    corrections = [f"+{name}" for name in present - implied]
    corrections += [f"-{name}" for name in implied - present]
    return options | ({"mattr": sorted(corrections)} if corrections else {})


def _parse_command_line_form(text: str) -> dict[str, Any]:
    words = shlex.split(text)
    if not words:
        raise TargetError('The target is empty. Write for example "host" or "llvm -mcpu=haswell".')
    options: dict[str, Any] = {"kind": words[0]}
    for word in words[1:]:
        name, equals, value = word.lstrip("-").partition("=")
        name = _OPTION_SYNONYMS.get(name, name)
        if not word.startswith("-") or not equals or name not in _OPTIONS:
            known = ", ".join(f"-{option}=" for option in _OPTIONS)
            raise TargetError(
                f"The target {text!r} has the part {word!r}, which is not understood. "
                f"Options have the form -name=value; known are {known}."
            )
        try:
            options[name] = _OPTIONS[name](value)
        except ValueError as error:
            raise TargetError(
                f"The target {text!r} gives {value!r} for -{name}, which must be a number."
            ) from error
    return options


def _parse_json(text: str) -> dict[str, Any]:
    try:
        return dict(json.loads(text))
    except ValueError as error:
        raise TargetError(f"The target {text!r} is no JSON: {error}.") from error


def _tvm_target(description: str | dict[str, Any]) -> Target:
    if isinstance(description, dict):
        _check_triple(description.get("mtriple"))
    try:
        return Target(description)
    except Exception as error:
        # TVM raises several exception types here, depending on which parser gave up.
        raise TargetError(
            f"TVM does not know the target {description!r}: {str(error).splitlines()[0]} "
            'Write for example "host", "llvm -mcpu=haswell" or {"kind": "llvm", "mcpu": ...}.'
        ) from error


def _check_triple(triple: Any) -> None:
    if isinstance(triple, str) and triple.split("-")[0] not in ("", *_ARCHITECTURES):
        raise TargetError(
            f"The triple {triple!r} is of no supported architecture: it starts with one of "
            f"{', '.join(_ARCHITECTURES)}, for example aarch64-linux-gnu."
        )


def _check_attributes(target: Target) -> None:
    """Refuse an attribute that LLVM does not know: it would be ignored."""
    for attribute in map(str, target.attrs.get("mattr", ())):
        name = attribute[1:]
        options = {"kind": "llvm", "mtriple": target.attrs["mtriple"], "mattr": [f"+{name}"]}
        if attribute[:1] not in ("+", "-") or name not in llvm_get_cpu_features(Target(options)):
            raise TargetError(
                f"LLVM knows no attribute {attribute!r} for {target.attrs['mtriple']}. Attributes "
                "are written +name or -name: for example +avx2."
            )


def _complete(target: Target) -> Target:
    """Return the target with a triple, its cpu and attributes checked."""
    if target.kind.name != "llvm":
        raise TargetError(
            f"The target kind {target.kind.name!r} is not supported. "
            'Supported is "llvm" (x86 and ARM processors).'
        )
    said = str(target.attrs.get("mtriple", ""))
    triples = [said] if said else [str(llvm_get_system_triple()), *_OTHER_TRIPLES]
    cpu = str(target.attrs.get("mcpu", ""))
    fitting = [triple for triple in triples if not cpu or llvm_is_valid_cpu(cpu, triple)]
    if not fitting:
        raise TargetError(
            f"LLVM knows no processor {cpu!r} for {' or '.join(triples)}. Names are those of "
            '`clang -mcpu=help`: for example "haswell", "skylake-avx512", "cortex-a72".'
        )
    if not said:
        options = {str(key): value for key, value in target.export().items() if value}
        target = _tvm_target({**options, "mtriple": fitting[0]})
    _check_attributes(target)
    return target
