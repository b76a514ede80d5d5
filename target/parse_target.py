"""Target descriptions as people write them, to the dictionary form that TVM takes.

TVM no longer reads the command-line form (`"llvm -mcpu=cortex-a72"`); this project does, next to
dictionaries, tags, `Target` objects, the alias `"host"` and the names of boards.
"""

import difflib
import json
import shlex
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from tvm.target import Target
from tvm.target.codegen import (
    llvm_get_cpu_archlist,
    llvm_get_cpu_features,
    llvm_get_system_cpu,
    llvm_get_system_triple,
    llvm_is_valid_cpu,
)

from ..errors import TargetError
from .boards import BOARDS
from .extensions import architecture_of, extensions_of, family_of, host_extensions

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
_EXAMPLE_ATTRIBUTES = {"x86": "+avx2", "aarch64": "+dotprod", "arm": "+neon"}
_EXAMPLES = (
    f'"host", "llvm -mcpu=haswell", "llvm -mcpu=cortex-a72", or a board: {", ".join(BOARDS)}'
)


def parse_target(target: TargetLike) -> Target:
    """Return the TVM target that `target` describes.

    `target` is `"host"`, the name of a board (`"raspberry-pi-4"`) or the command-line form
    `"llvm -mcpu=haswell -mattr=+avx2"`, both with any options, a tag such as
    `"raspberry-pi/4b-aarch64"`, a JSON string or dictionary of TVM's options, or a `Target`. A
    missing triple follows from the cpu, that of the compiling machine first; with the triple
    armv7-linux-gnueabihf floats are passed in registers. A missing cpu is the baseline of the
    triple, so that nothing is assumed that was not said.

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
            f"Write for example {_EXAMPLES}."
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
        raise TargetError(f"The target is empty. Write for example {_EXAMPLES}.")
    options: dict[str, Any] = {"kind": "llvm", **BOARDS.get(words[0], {"kind": words[0]})}
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
            f'Write for example {_EXAMPLES}, or {{"kind": "llvm", "mcpu": ...}}.'
        ) from error


def _check_triple(triple: Any) -> None:
    if isinstance(triple, str) and triple.split("-")[0] not in ("", *_ARCHITECTURES):
        raise TargetError(
            f"The triple {triple!r} is of no supported architecture: it starts with one of "
            f"{', '.join(_ARCHITECTURES)}, for example aarch64-linux-gnu."
        )


def _check_attributes(target: Target) -> None:
    """Refuse an attribute that LLVM does not know: it would be ignored."""
    triple = target.attrs["mtriple"]
    for attribute in map(str, target.attrs.get("mattr", ())):
        name = attribute[1:]
        options = {"kind": "llvm", "mtriple": triple, "mattr": [f"+{name}"]}
        if attribute[:1] not in ("+", "-") or name not in llvm_get_cpu_features(Target(options)):
            raise TargetError(
                f"LLVM knows no attribute {attribute!r} for {triple}. Attributes are written +name "
                f"or -name: for example {_EXAMPLE_ATTRIBUTES[family_of(architecture_of(target))]}."
            )


def _triple_of(target: Target) -> str:
    """Return the triple that a target names, or the one that its cpu belongs to."""
    said = str(target.attrs.get("mtriple", ""))
    triples = [said] if said else [str(llvm_get_system_triple()), *_OTHER_TRIPLES]
    cpu = str(target.attrs.get("mcpu", ""))
    for triple in triples:
        if not cpu or llvm_is_valid_cpu(cpu, triple):
            return triple
    known = {triple: _processors(triple) for triple in ([said] if said else _OTHER_TRIPLES)}
    every = sorted({name for names in known.values() for name in names})
    close = difflib.get_close_matches(cpu, every, 3)
    meant = f" Did you mean {' or '.join(close)}?" if close else ""
    listed = "; ".join(f"for {triple}: {', '.join(names)}" for triple, names in known.items())
    raise TargetError(
        f"LLVM knows no processor {cpu!r} for {' or '.join(known)}.{meant} Known are {listed}."
    )


def _normalized(triple: str) -> str:
    """Return the triple with its vendor: LLVM takes the second part for one, whatever it says.

    Without the environment, which is then lost, code for 32-bit ARM calls functions that its
    run-time library does not have.
    """
    parts = triple.split("-")
    if len(parts) == 3 and parts[1] == "linux":
        parts.insert(1, "unknown")
    return "-".join(parts)


def _processors(triple: str) -> list[str]:
    return sorted(map(str, llvm_get_cpu_archlist(Target({"kind": "llvm", "mtriple": triple}))))


def _options_of(target: Target) -> dict[str, Any]:
    """Return what was said of a target, without what TVM derived from it."""
    return {
        str(key): value
        for key, value in target.export().items()
        if value and key not in ("keys", "tag") and not str(key).startswith("feature.")
    }


def _complete(target: Target) -> Target:
    """Return the target with a triple, its cpu and attributes checked."""
    if target.kind.name != "llvm":
        raise TargetError(
            f"The target kind {target.kind.name!r} is not supported. "
            'Supported is "llvm" (x86 and ARM processors).'
        )
    triple = _normalized(_triple_of(target))
    implied = {"mtriple": triple}
    if triple.endswith("eabihf"):
        implied["mfloat-abi"] = "hard"
    if any(str(target.attrs.get(name, "")) != value for name, value in implied.items()):
        target = _tvm_target({**implied, **_options_of(target), "mtriple": triple})
    _check_attributes(target)
    return target
